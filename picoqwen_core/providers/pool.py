"""The models of this machine: which are installed, which are loaded, and which must give way to others.

One worker process for each loaded model (local.py). The steps for want of memory are decided in shortage.py;
files come and go on the disk (installed.py) and are taken up by the watch that runs beside the requests.
"""

import asyncio
import logging
import shutil
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from picoqwen_core.errors import ForbiddenError, InsufficientMemory, ModelInUse, ModelNotFound
from picoqwen_core.installed import ModelFile, files_of, find_models, model_file, pick
from picoqwen_core.machine.limits import Memory
from picoqwen_core.memory import resident_mb
from picoqwen_core.providers.local import LocalProvider
from picoqwen_core.providers.provider import Provider
from picoqwen_core.providers.shortage import REFUSE, STEPS, UNLOAD_IDLE, next_level

_LOGGER = logging.getLogger(__name__)
_MEGABYTE = 1_000_000
# A worker without a model: Python, numba, the tokenizer's tables.
WORKER_BYTES = 150 * _MEGABYTE
_WATCH_SECONDS = 2.0

type MakeProvider = Callable[[Path], LocalProvider]


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """How much may be loaded beside the resident models, and for how long.

    max_bytes: memory of all workers together, None for no limit; keep_alive: seconds that an unused model
    stays loaded, None for ever; preferred: the format taken where a name leaves the choice.
    """

    max_loaded: int = 2
    max_bytes: int | None = None
    keep_alive: float | None = None
    preferred: str = "int8"


class ModelPool:
    """Finds, loads and unloads models."""

    def __init__(
        self,
        make: Callable[..., LocalProvider],
        residents: Iterable[Path] = (),
        *,
        others: Iterable[Path] = (),
        spare: Iterable[Path] = (),
        folder: Path | None = None,
        pinned: Iterable[str] = (),
        limits: PoolLimits | None = None,
        supply: Callable[[], Memory] | None = None,
    ) -> None:
        """make(path, admit=...): a provider that is not started; residents: loaded at the start and never
        unloaded, the first answers requests that name no model; others: further files; spare: files that come
        after all others, wherever those come from; folder: where models are installed
        and deleted; pinned: names of models that are never evicted once loaded; supply: tells how much memory
        there is, for steps when it is short.
        """
        self.folder = folder
        self.limits = limits or PoolLimits()
        self.evictions = 0
        # Steps of degradation taken for want of memory; 0 is none.
        self.level = 0
        self._make = make
        self._supply = supply
        self._kills: int | None = None
        self._fixed = {found.id: found for found in map(model_file, (*residents, *others, *spare))}
        self._residents = tuple(model_file(path).id for path in residents)
        self._spare = frozenset(model_file(path).id for path in spare)
        self._pinned = frozenset(pinned)
        self._files: dict[str, ModelFile] = {}
        self._providers: dict[str, LocalProvider] = {}
        self._room = asyncio.Lock()
        self._watch: asyncio.Task[None] | None = None
        self._stopped = False
        self.scan()

    @property
    def providers(self) -> tuple[LocalProvider, ...]:
        """One for each installed model, the default one first."""
        return tuple(sorted(self._providers.values(), key=self.is_spare))

    @property
    def has_residents(self) -> bool:
        """Whether models are loaded before anybody asks for them."""
        return bool(self._residents)

    @property
    def loaded(self) -> list[LocalProvider]:
        """The models that hold memory now."""
        return [each for each in self.providers if each.is_started]

    def start(self) -> None:
        """Load the residents and begin to watch; returns at once."""
        for name in self._residents:
            self._providers[name].start()
        self._watch = asyncio.create_task(self._watching(), name="model pool")

    async def stop(self) -> None:
        """End every worker, for good."""
        self._stopped = True
        if self._watch is not None:
            self._watch.cancel()
            with suppress(asyncio.CancelledError):
                await self._watch
        await asyncio.gather(*(each.stop() for each in self.providers))

    def scan(self) -> None:
        """Take up what lies in the folder now; what is loaded stays until it is unloaded."""
        self._files = {
            **self._fixed,
            **{k: v for k, v in find_models(self.folder).items() if k not in self._fixed},
        }
        for name, found in self._files.items():
            if name not in self._providers:
                self._providers[name] = provider = self._make(found.path, admit=self.admit)
                provider.pinned = name in self._residents or name in self._pinned
        for name in [name for name in self._providers if name not in self._files]:
            if not self._providers[name].is_started:
                del self._providers[name]

    def find(self, name: str, quantization: str | None = None) -> LocalProvider:
        """The provider of a model. Raises ModelNotFound naming what is installed."""
        if quantization is None and name in self._providers:
            return self._providers[name]
        found = pick(self._files.values(), name, quantization, self.limits.preferred)
        if found is None:
            self.scan()
            found = pick(self._files.values(), name, quantization, self.limits.preferred)
        if found is None:
            form = "" if quantization is None else f" as {quantization}"
            known = ", ".join(self._files) or "none"
            raise ModelNotFound(f"model {name!r} is not installed{form}; there is: {known}")
        return self._providers[found.id]

    def is_resident(self, provider: LocalProvider) -> bool:
        """Whether the model is never unloaded."""
        return provider.model_id in self._residents

    def is_spare(self, provider: Provider) -> bool:
        """Whether it answers only where nobody else is there, or where it is named."""
        return provider.models[0].id in self._spare

    async def unload(self, provider: LocalProvider) -> None:
        """Give a model's memory back. Raises ModelInUse for a resident one."""
        if self.is_resident(provider):
            raise ModelInUse(f"model {provider.model_id!r} is always loaded")
        await provider.unload()

    async def delete(self, provider: LocalProvider) -> None:
        """Unload a model and remove its file. Raises ForbiddenError for one outside the models folder."""
        name, path = provider.model_id, provider.path
        if name in self._fixed or self.folder is None or path.parent != self.folder:
            raise ForbiddenError(f"model {name!r} is not in the models folder and is not deleted from here")
        if provider.in_flight:
            raise ModelInUse(f"model {name!r} is answering {provider.in_flight} requests; try again later")
        await provider.unload()
        await asyncio.to_thread(_remove, path)
        self.scan()

    async def admit(self, provider: LocalProvider) -> None:
        """Make room for a model, unloading those that were used least lately.

        Raises InsufficientMemory when what is in use or pinned leaves none.
        """
        await self._tell(provider)
        if self.is_resident(provider):
            return
        if self.level >= UNLOAD_IDLE:
            raise InsufficientMemory(
                f"model {provider.model_id!r} is not loaded while memory is short: {self._to_be_had()}"
            )
        async with self._room:
            while (reason := self._too_much_with(provider)) is not None:
                victim = self._least_lately_used(provider)
                if victim is None:
                    raise InsufficientMemory(f"no room for model {provider.model_id!r}: {reason}")
                _LOGGER.info("Unloading %s: %s", victim.model_id, reason)
                self.evictions += 1
                await victim.unload()

    async def evict_idle(self) -> LocalProvider | None:
        """Unload the model that was used least lately, if one may be; the model that was."""
        victim = self._least_lately_used(None)
        if victim is not None:
            self.evictions += 1
            await victim.unload()
        return victim

    async def look_at_memory(self) -> None:
        """Take a step where memory is short, or take one back; models that nobody uses are unloaded first."""
        if self._supply is None:
            return
        memory = self._supply()
        killed = self._kills is not None and memory.kills > self._kills
        self._kills = memory.kills
        level = next_level(self.level, memory, killed=killed)
        if level != self.level:
            _LOGGER.warning(
                "Memory: step %d of degradation (%s), was %d; %s",
                *(level, STEPS[level], self.level, self._to_be_had()),
            )
            self.level = level
            await asyncio.gather(*(self._tell(each) for each in self.providers))
        if self.level >= UNLOAD_IDLE and (victim := await self.evict_idle()) is not None:
            _LOGGER.warning("Unloaded %s, because memory is short", victim.model_id)

    def _to_be_had(self) -> str:
        memory = self._supply() if self._supply is not None else Memory(0, 0)
        return f"{memory.available // _MEGABYTE} of {memory.total // _MEGABYTE} MB can be had"

    async def _tell(self, provider: LocalProvider) -> None:
        """Let a model know the step; one that is asked for too much says why."""
        refusal = None
        if self.level >= REFUSE:
            refusal = (
                f"model {provider.model_id!r} takes no requests while memory is short: {self._to_be_had()}"
            )
        await provider.save_memory(self.level, refusal)

    def _too_much_with(self, provider: LocalProvider) -> str | None:
        """What would be exceeded with this model loaded too; None when all fits."""
        loaded = [each for each in self.loaded if each is not provider]
        extra = [each for each in loaded if not self.is_resident(each)]
        if len(extra) + 1 > self.limits.max_loaded:
            names = ", ".join(each.model_id for each in extra)
            return f"max_loaded_models is {self.limits.max_loaded}, and loaded are: {names}"
        most = self.limits.max_bytes
        held, asked = sum(map(bytes_of, loaded)), bytes_of(provider)
        if most is not None and held + asked > most:
            return (
                f"it needs about {asked // _MEGABYTE} MB, and of {most // _MEGABYTE} MB for models "
                f"{held // _MEGABYTE} MB are taken"
            )
        memory = self._supply() if self._supply is not None else Memory(0, 0)
        if memory.total and asked > memory.available:
            return f"it needs about {asked // _MEGABYTE} MB, and {self._to_be_had()}"
        return None

    def _least_lately_used(self, but: LocalProvider | None) -> LocalProvider | None:
        idle = [each for each in self.loaded if each is not but and not each.in_flight and not each.pinned]
        return min(idle, key=lambda each: each.last_used, default=None)

    async def _watching(self) -> None:
        """Files that come and go, and models that nobody has used for long."""
        while True:
            await asyncio.sleep(_WATCH_SECONDS)
            self.scan()
            await self.look_at_memory()
            for provider in self.loaded:
                limit = self.limits.keep_alive if provider.keep_alive is None else provider.keep_alive
                unused = time.monotonic() - provider.last_used
                if limit is None or limit < 0 or provider.pinned or provider.in_flight or unused < limit:
                    continue
                if provider.is_available():
                    _LOGGER.info("Unloading %s, unused for %.0f s", provider.model_id, unused)
                    await provider.unload()


def bytes_of(provider: LocalProvider) -> int:
    """Memory of a model's worker: as measured, but at least its file, which may be read in at any time."""
    (model,) = provider.models
    pid = provider.health.pid
    measured = (resident_mb(pid) or 0) * _MEGABYTE if pid is not None else 0
    return int(max(measured, model.size_bytes + WORKER_BYTES))


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        for each in files_of(path):
            each.unlink(missing_ok=True)
