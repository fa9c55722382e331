"""A real server under a crowd and in a small soak; script/test-soak does the same with 1,000 and 10,000."""

import asyncio

from benchmarks.soak import Report, run


def test_a_crowd_is_answered_or_told_so_and_memory_stays_flat():
    report = asyncio.run(run(clients=300, requests=120))

    # So few requests leave an allocator some room to settle; in the long soak it is 2 %.
    assert not [told for told in report.complaints if "memory grew" not in told]
    assert report.growth_percent < 5
    assert report.answered + report.refused == 300
    assert report.refused > 0


def test_what_is_missed_is_told():
    sound = {"answered": 1, "health_answers": 1}
    assert not Report(1, **sound).complaints
    for name, value in (("wrong", 1), ("health_wrong", 1), ("recovery_s", 9.0), ("files_left_open", 3)):
        assert len(Report(1, **sound, **{name: value}).complaints) == 1
    assert len(Report(1, **sound, growth_percent=2.0, failed=2).complaints) == 2
    assert len(Report(1).complaints) == 2
