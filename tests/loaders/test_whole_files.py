"""Files that are written whole or not at all."""

import errno
from pathlib import Path

import pytest

from picoqwen_core.errors import CheckpointError
from picoqwen_core.loaders.whole_files import whole_files


def test_files_take_their_names_together_at_the_end(tmp_path: Path) -> None:
    paths = [tmp_path / "a", tmp_path / "b"]
    paths[0].write_text("old")
    with whole_files(paths) as (first, second):
        first.write(b"1")
        second.write(b"2")
        assert paths[0].read_text() == "old"
        assert not paths[1].exists()
    assert [path.read_bytes() for path in paths] == [b"1", b"2"]
    assert sorted(tmp_path.iterdir()) == paths
    assert paths[0].stat().st_mode & 0o777 == 0o644


def fail_after(size: int, folder: Path, needed: int, error: BaseException) -> None:
    """Two files, the first of which is written up to `size`."""
    with whole_files([folder / "a", folder / "b"], needed) as (file, _):
        file.write(bytes(size))
        file.flush()
        raise error


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(1), CheckpointError("unsound")])
def test_an_interruption_leaves_what_was_there(tmp_path: Path, error: BaseException) -> None:
    (tmp_path / "a").write_text("old")
    with pytest.raises(type(error)):
        fail_after(10, tmp_path, 0, error)
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("a", "old")]


@pytest.mark.parametrize(
    ("needed", "error", "told"),
    [
        (1 << 60, CheckpointError("not reached"), "MB are needed, .* MB are missing; nothing was kept"),
        (
            5_000_000,
            OSError(errno.EDQUOT, "Disk quota exceeded"),
            r"5\.0 MB are needed, .* 4\.0 MB are missing",
        ),
        (0, OSError(errno.EIO, "Input/output error"), "cannot be written: .*Input/output error"),
    ],
)
def test_what_the_disk_does_not_take_is_told_and_leaves_nothing(
    tmp_path: Path, needed: int, error: BaseException, told: str
) -> None:
    with pytest.raises(CheckpointError, match=told):
        fail_after(1_000_000, tmp_path, needed, error)
    assert list(tmp_path.iterdir()) == []
