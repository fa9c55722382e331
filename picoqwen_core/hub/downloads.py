"""Downloads as jobs: begun, watched, cancelled, and finished by a rename into the models folder.

What is under way lies in `.downloads/` of that folder and is gone on with after a break or a restart.
"""

import asyncio
import errno
import logging
import shutil
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import aiohttp

from picoqwen_core.errors import (
    DiskFull,
    DownloadError,
    ModelInUse,
    ModelNotFound,
    PicoQwenError,
    RequestError,
)
from picoqwen_core.hub.client import Hub
from picoqwen_core.hub.plan import Plan, check_repository, make_plan
from picoqwen_core.hub.transfer import STALL_SECONDS, Transfer, sync_folder

_LOGGER = logging.getLogger(__name__)
_STAGING = ".downloads"
# Left free for everything else on the disk.
_SPARE_BYTES = 64_000_000
_KEPT = 50


@dataclass(slots=True)
class Download:
    """One job, as it is now."""

    id: str
    repository: str
    file: str | None
    quantization: str | None
    state: Literal["waiting", "running", "done", "failed", "cancelled"] = "waiting"
    model: str | None = None
    size: int = 0
    received: int = 0
    error: PicoQwenError | None = None
    task: asyncio.Task[None] | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_over(self) -> bool:
        """Whether nothing more will change."""
        return self.state in ("done", "failed", "cancelled")


class Downloads:
    """All jobs since the start; one is carried out at a time."""

    def __init__(
        self,
        folder: Path,
        url: str,
        token: str | None = None,
        *,
        preferred: str = "int8",
        stall_seconds: float = STALL_SECONDS,
        finished: Callable[[], object] = lambda: None,
    ) -> None:
        """folder: where models are installed; finished: called when one is."""
        self.jobs: dict[str, Download] = {}
        self._folder = folder
        self._url, self._token = url, token
        self._preferred = preferred
        self._stall = stall_seconds
        self._finished = finished
        self._turn = asyncio.Lock()
        self._count = 0

    def begin(self, repository: str, file: str | None = None, quantization: str | None = None) -> Download:
        """Start a job; one that runs already for the same is returned instead. Raises RequestError."""
        check_repository(repository)
        if file is not None and (file.startswith("/") or ".." in file.split("/")):
            raise RequestError(f"file is {file!r}; allowed: a file of the repository")
        for job in self.jobs.values():
            same = (job.repository, job.file, job.quantization) == (repository, file, quantization)
            if same and not job.is_over:
                return job
        self._count += 1
        job = Download(f"download-{self._count}", repository, file, quantization)
        job.task = asyncio.create_task(self._run(job), name=job.id)
        self.jobs[job.id] = job
        for old in [each.id for each in self.jobs.values() if each.is_over][:-_KEPT]:
            del self.jobs[old]
        return job

    def find(self, name: str) -> Download:
        """A job by its id. Raises ModelNotFound."""
        if name not in self.jobs:
            raise ModelNotFound(f"there is no download {name!r}")
        return self.jobs[name]

    async def cancel(self, job: Download) -> None:
        """Stop a job; what has arrived stays for the next attempt. Raises ModelInUse when it is over."""
        if job.is_over:
            raise ModelInUse(f"{job.id} is {job.state} already")
        if job.task is not None:
            job.task.cancel()
            with suppress(asyncio.CancelledError):
                await job.task
        self._set(job, "cancelled")

    async def stop(self) -> None:
        """Stop all jobs."""
        for job in self.jobs.values():
            if not job.is_over:
                await self.cancel(job)

    async def watch(self, job: Download) -> AsyncGenerator[Download]:
        """The job now, and after each change until it is over."""
        while True:
            yield job
            if job.is_over:
                return
            job.changed.clear()
            await job.changed.wait()

    async def _run(self, job: Download) -> None:
        try:
            async with self._turn:
                self._set(job, "running")
                await self._carry_out(job)
        except PicoQwenError as err:
            job.error = err
            self._set(job, "failed")
            _LOGGER.warning("Download of %s failed: %s", job.repository, err)
        except OSError as err:
            job.error = (
                DiskFull(f"the disk is full: {err}")
                if err.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
                else DownloadError(f"{self._folder} cannot be written: {err}")
            )
            self._set(job, "failed")
        except Exception:
            _LOGGER.exception("Download of %s failed", job.repository)
            job.error = DownloadError("the server failed; its log says more")
            self._set(job, "failed")
        else:
            self._set(job, "done")
            self._finished()

    async def _carry_out(self, job: Download) -> None:
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=30)
        async with aiohttp.ClientSession(timeout=timeout, auto_decompress=False) as session:
            hub = Hub(session, self._url, self._token)
            files = await hub.files(job.repository)
            plan = make_plan(job.repository, files, job.file, job.quantization, self._preferred)
            job.model, job.size = plan.model_id, plan.size
            staging = self._folder / _STAGING / f"{job.repository.replace('/', '--')}--{plan.model_id}"
            await asyncio.to_thread(_make_room, staging, plan)

            def progress(count: int) -> None:
                job.received = finished + count
                job.changed.set()

            finished = 0
            try:
                for file in plan.files:
                    target = staging / file.path
                    target.parent.mkdir(parents=True, exist_ok=True)
                    await Transfer(hub, job.repository, file, target, progress, self._stall).run()
                    finished += file.size
            except DiskFull:
                # A full disk harms everything else on the machine: what has arrived is given up.
                await asyncio.to_thread(shutil.rmtree, staging, ignore_errors=True)
                raise
        await asyncio.to_thread(_install, staging, plan, self._folder)

    def _set(
        self, job: Download, state: Literal["waiting", "running", "done", "failed", "cancelled"]
    ) -> None:
        job.state = state
        job.changed.set()


def _make_room(staging: Path, plan: Plan) -> None:
    """Raises DiskFull where what is still to come does not fit."""
    staging.mkdir(parents=True, exist_ok=True)
    there = sum(path.stat().st_size for path in staging.rglob("*") if path.is_file())
    needed, free = max(0, plan.size - there) + _SPARE_BYTES, shutil.disk_usage(staging).free
    if free < needed:
        raise DiskFull(
            f"{plan.model_id} needs {needed // 1_000_000} MB and {staging.parent.parent} has "
            f"{free // 1_000_000} MB free"
        )


def _install(staging: Path, plan: Plan, folder: Path) -> None:
    """Rename into place, the first file last: it is what makes a model of them."""
    if plan.folder is not None:
        final = folder / plan.folder
        if final.exists():
            shutil.rmtree(final)
        staging.rename(final)
    else:
        for file in reversed(plan.files):
            (staging / file.path).rename(folder / Path(file.path).name)
        shutil.rmtree(staging, ignore_errors=True)
    sync_folder(folder)
