"""Downloads from a stand-in hub over real sockets: whole, resumed, checked, refused, cancelled."""

import asyncio
import shutil
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from picoqwen_core.errors import RequestError
from picoqwen_core.hub import downloads as downloads_module
from picoqwen_core.hub import transfer
from picoqwen_core.hub.downloads import Download, Downloads
from tests.hub.stand_in import StandIn
from tests.limits import no_file_larger_than

REPOSITORY = "Qwen/Tiny-GGUF"
DATA = bytes(range(256)) * 12_000
GGUF = {"Tiny-Q8_0.gguf": DATA, "Tiny-Q4_K_M.gguf": DATA[:1000], "README.md": b"read me"}


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(transfer, "_PAUSE_SECONDS", 0.01)


@asynccontextmanager
async def listening(hub: StandIn):
    runner = web.AppRunner(hub.app(), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.fixture
async def hub():
    return StandIn({REPOSITORY: dict(GGUF)})


@pytest.fixture
async def fetched(hub, tmp_path):
    """Carry out a download to its end: `job = await fetched(quantization="Q8_0")`."""

    async def carry_out(repository=REPOSITORY, file=None, quantization=None, **options) -> Download:
        async with listening(hub) as url:
            downloads = Downloads(tmp_path, url, **{"stall_seconds": 5.0} | options)
            job = downloads.begin(repository, file, quantization)
            async with asyncio.timeout(30):
                await job.task
            return job

    return carry_out


async def test_a_model_is_fetched_into_the_folder(fetched, tmp_path):
    finished = []
    job = await fetched(finished=lambda: finished.append(True))

    assert (job.state, job.model, job.received, job.size) == ("done", "Tiny-Q8_0", len(DATA), len(DATA))
    assert (tmp_path / "Tiny-Q8_0.gguf").read_bytes() == DATA
    assert finished == [True]
    assert not list((tmp_path / ".downloads").iterdir())


async def test_a_format_is_chosen(fetched, tmp_path):
    assert (await fetched(quantization="int4")).model == "Tiny-Q4_K_M"
    assert (tmp_path / "Tiny-Q4_K_M.gguf").read_bytes() == DATA[:1000]


@pytest.mark.parametrize("fault", ["truncate", "error", "stall"])
async def test_a_broken_transfer_goes_on_where_it_stood(hub, fetched, tmp_path, fault):
    hub.faults = [fault]
    job = await fetched(stall_seconds=0.2)

    assert job.state == "done"
    assert (tmp_path / "Tiny-Q8_0.gguf").read_bytes() == DATA
    begun_again = hub.ranges[1]
    assert begun_again is None if fault == "error" else begun_again.startswith("bytes=")


async def test_a_hub_that_cannot_go_on_in_the_middle_is_asked_for_all_again(hub, fetched, tmp_path):
    hub.faults = ["truncate", "no_range"]
    assert (await fetched()).state == "done"
    assert (tmp_path / "Tiny-Q8_0.gguf").read_bytes() == DATA


async def test_a_download_that_was_cancelled_is_gone_on_with(hub, tmp_path):
    hub.faults = ["stall"]
    async with listening(hub) as url:
        downloads = Downloads(tmp_path, url)
        job = downloads.begin(REPOSITORY)
        async with asyncio.timeout(10):
            while job.received < len(DATA) // 2:
                await asyncio.sleep(0.01)
        await downloads.cancel(job)
        assert job.state == "cancelled"
        again = downloads.begin(REPOSITORY)
        await again.task

    assert (again.state, hub.ranges) == ("done", [None, f"bytes={len(DATA) // 2}-"])


async def test_what_is_damaged_is_dropped(hub, fetched, tmp_path):
    staged = tmp_path / ".downloads" / "Qwen--Tiny-GGUF--Tiny-Q8_0" / "Tiny-Q8_0.gguf"
    staged.parent.mkdir(parents=True)
    staged.write_bytes(b"something else")

    job = await fetched()

    assert (job.state, job.error.code) == ("failed", "download_failed")
    assert "checksum" in str(job.error)
    assert not staged.exists()
    assert not (tmp_path / "Tiny-Q8_0.gguf").exists()
    assert (await fetched()).state == "done"


@pytest.mark.parametrize(
    ("lie", "told"), [(100, "larger than the promised"), (1 << 22, "did not come whole")]
)
async def test_a_hub_that_lies_about_sizes_is_found_out(hub, fetched, tmp_path, lie, told):
    hub.lies["Tiny-Q8_0.gguf"] = lie
    job = await fetched()

    assert job.state == "failed"
    assert told in str(job.error)
    assert not (tmp_path / "Tiny-Q8_0.gguf").exists()


async def test_a_model_that_does_not_fit_on_the_disk_is_not_begun(hub, fetched, monkeypatch):
    full = shutil._ntuple_diskusage(10, 9, 1)
    monkeypatch.setattr(downloads_module.shutil, "disk_usage", lambda path: full)
    job = await fetched()

    assert (job.state, job.error.code) == ("failed", "disk_full")
    assert hub.ranges == []


async def test_a_disk_that_fills_up_is_told_and_given_back(fetched, tmp_path, monkeypatch):
    def write(out, piece, digest):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(transfer, "_write", write)
    job = await fetched()

    assert (job.state, job.error.code) == ("failed", "disk_full")
    assert not list((tmp_path / ".downloads").iterdir())


async def test_a_write_that_really_fails_in_the_middle_is_told_and_given_back(fetched, tmp_path):
    with no_file_larger_than(100):
        job = await fetched()

    assert (job.state, job.error.code) == ("failed", "disk_full")
    assert not list((tmp_path / ".downloads").iterdir())


async def test_a_gated_repository_needs_the_token(hub, fetched):
    hub.token = "secret"
    job = await fetched()
    assert (job.state, job.error.code) == ("failed", "gated_repository")
    assert "hub_token" in str(job.error)
    assert (await fetched(token="secret")).state == "done"


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        ({"repository": "Qwen/None"}, "model_not_found", "does not exist"),
        ({"quantization": "F16"}, "model_not_found", "it has: Tiny-Q4_K_M, Tiny-Q8_0"),
        ({"file": "other.gguf"}, "model_not_found", "has no 'other.gguf'"),
    ],
)
async def test_what_is_not_there_is_told(fetched, arguments, code, told):
    job = await fetched(**arguments)
    assert (job.state, job.error.code) == ("failed", code)
    assert told in str(job.error)


async def test_no_network_is_a_clear_state(tmp_path):
    job = Downloads(tmp_path, "http://127.0.0.1:9").begin(REPOSITORY)
    async with asyncio.timeout(10):
        await job.task
    assert (job.state, job.error.code) == ("failed", "hub_unreachable")


async def test_a_redirect_to_a_host_that_is_not_allowed_is_refused(hub, fetched):
    hub.redirect = "http://169.254.1.1/latest"
    job = await fetched()
    assert (job.state, job.error.code) == ("failed", "download_failed")
    assert "which is not allowed" in str(job.error)


async def test_a_folder_of_safetensors_is_fetched_whole(hub, fetched, tmp_path):
    files = {"config.json": b"{}", "tokenizer.json": b"{}", "model.safetensors": DATA, "notes.md": b"no"}
    hub.repositories["me/small"] = files
    assert (await fetched("me/small")).model == "small"
    assert {path.name for path in (tmp_path / "small").iterdir()} == set(files) - {"notes.md"}


@pytest.mark.parametrize(
    ("repository", "file"), [("no-owner", None), ("a/../b", None), ("a/b", "../../x.gguf")]
)
async def test_a_name_that_leads_elsewhere_is_refused(tmp_path, repository, file):
    with pytest.raises(RequestError):
        Downloads(tmp_path, "http://127.0.0.1:9").begin(repository, file)


async def test_the_same_download_is_not_begun_twice(hub, tmp_path):
    async with listening(hub) as url:
        downloads = Downloads(tmp_path, url)
        first = downloads.begin(REPOSITORY)
        assert downloads.begin(REPOSITORY) is first
        await first.task
