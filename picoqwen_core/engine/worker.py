"""The process that owns one loaded model: `python -m picoqwen_core.engine.worker --fd N --model PATH ...`.

The main thread loads the model and computes. Each request that is answered has a thread for its text:
template, tokens, parsing. A reader thread takes what arrives, so that a cancellation or the parent's end is
noticed in the middle of an answer.
"""

import argparse
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from picoqwen_core.engine.environment import choose_strategy, prepare_libraries, stand_back
from picoqwen_core.engine.jobs import Job, JobQueue
from picoqwen_core.engine.protocol import (
    Frame,
    error_to_json,
    from_json,
    pack_frame,
    receive_frame,
    to_json,
)
from picoqwen_core.errors import EngineError, PicoQwenError
from picoqwen_core.folders import cache_folder
from picoqwen_core.machine.limits import read_memory
from picoqwen_core.memory import forget_code, settle
from picoqwen_core.messages import (
    ChatRequest,
    DetokenizeRequest,
    EngineStatus,
    GenerateRequest,
    ScoreRequest,
    TokenizeRequest,
)

if TYPE_CHECKING:
    from picoqwen_core.engine.loaded import LoadedModel

_LOGGER = logging.getLogger(__name__)

QUEUE_LIMIT = 8
SEQUENCES = 4
MEGABYTE = 1_000_000
# Others than requests: at most so many prompts wait to be read ahead.
_PRIME_LIMIT = 4
# A thread that parses text must not keep the one that computes waiting for the interpreter.
_SWITCH_SECONDS = 0.0005


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until the other end of the socket closes."""
    options = _parse_arguments(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    # Ctrl-C in a terminal reaches every process of it; ours is ended by its parent, in order.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.setswitchinterval(_SWITCH_SECONDS)
    connection = socket.socket(fileno=options.fd)
    worker = Worker(connection, queue_limit=options.queue, sequences=options.sequences)
    threading.Thread(target=worker.read_requests, name="reader", daemon=True).start()
    try:
        model = _load(options, lambda done, of: worker.send({"compiled": [done, of]}))
    except PicoQwenError as err:
        worker.send({"error": error_to_json(err)})
        return 1
    except Exception as err:
        _LOGGER.exception("Loading %s failed", options.model)
        worker.send({"error": error_to_json(EngineError(f"loading {options.model} failed: {err!r}"))})
        return 1
    worker.serve(model)
    return 0


class Worker:
    """Both ends of the work: what the reader thread takes in, and what other threads answer."""

    def __init__(
        self, connection: socket.socket, *, queue_limit: int = QUEUE_LIMIT, sequences: int = SEQUENCES
    ) -> None:
        self._connection = connection
        self._sending = threading.Lock()
        self._jobs, self._primes = JobQueue(queue_limit), JobQueue(_PRIME_LIMIT)
        self._lanes = (*(self._jobs,) * sequences, self._primes)
        self._model: LoadedModel | None = None

    def send(self, frame: Frame) -> None:
        """Send one frame; all threads do."""
        data = pack_frame(frame)
        try:
            with self._sending:
                self._connection.sendall(data)
        except OSError:
            # The parent is gone: there is nothing to save and nobody to tell.
            os._exit(0)

    def serve(self, model: "LoadedModel") -> None:
        """Say ready, then compute until the process ends."""
        self._model = model
        model.engine.take_over()
        for number, jobs in enumerate(self._lanes):
            threading.Thread(
                target=self._work, args=(model, jobs), name=f"lane {number}", daemon=True
            ).start()
        self.send({"ready": to_json(model.info)})
        model.engine.run(model.saver.idle if model.saver is not None else _rest)

    def _work(self, model: "LoadedModel", jobs: JobQueue) -> None:
        """Answer one job after another."""
        while True:
            job = jobs.take()
            self._answer(model, job)
            jobs.done(job)

    def read_requests(self) -> None:
        """Take frames until the parent closes its end or dies; then end the process at once."""
        try:
            while (frame := receive_frame(self._connection)) is not None:
                self._handle(frame)
        except Exception:
            _LOGGER.exception("The connection to the API process failed")
        # Not sys.exit: a kernel may be running on the main thread, for as long as it likes.
        os._exit(0)

    def _handle(self, frame: Frame) -> None:
        match frame["op"]:
            case "chat" | "generate" | "score" | "prime" | "tokenize" | "detokenize":
                jobs = self._primes if frame["op"] == "prime" else self._jobs
                try:
                    jobs.add(Job(frame["id"], frame["op"], frame["request"]))
                except PicoQwenError as err:
                    self.send({"id": frame["id"], "error": error_to_json(err)})
            case "cancel":
                self._jobs.cancel(frame["id"])
                self._primes.cancel(frame["id"])
            case "memory":
                if self._model is not None:
                    self._model.engine.save_memory(frame["step"])
                self.send({"id": frame["id"], "end": True})
            case "status":
                self.send({"id": frame["id"], "status": to_json(self._status())})

    def _answer(self, model: "LoadedModel", job: Job) -> None:
        try:
            for frame in _frames(model, job):
                self.send({"id": job.id, **frame})
        except PicoQwenError as err:
            self.send({"id": job.id, "error": error_to_json(err)})
        except Exception as err:
            _LOGGER.exception("Request %s failed", job.id)
            self.send({"id": job.id, "error": error_to_json(EngineError(f"the engine failed: {err!r}"))})

    def _status(self) -> EngineStatus:
        active, queued = self._jobs.counts()
        stats = self._model.engine.stats if self._model else None
        return EngineStatus(
            active=active,
            queued=queued,
            prefilled_tokens=stats.prefilled_tokens if stats else 0,
            decoded_tokens=stats.decoded_tokens if stats else 0,
            cached_tokens=stats.cached_tokens if stats else 0,
            rss_bytes=psutil.Process().memory_info().rss,
            guessed_tokens=stats.guessed_tokens if stats else 0,
            right_guesses=stats.right_guesses if stats else 0,
            context_limit=self._model.engine.context_limit if self._model else 0,
            memory_step=self._model.engine.memory_step if self._model else 0,
        )


def _frames(model: "LoadedModel", job: Job) -> Iterator[Frame]:
    """What is sent for one job, to its last frame."""
    match job.op:
        case "score":
            yield {"scores": model.score(from_json(ScoreRequest, job.request), job.cancelled.is_set)}
        case "prime":
            primed = model.prime(from_json(ChatRequest, job.request), job.cancelled.is_set)
            yield {"primed": to_json(primed)}
        case "tokenize":
            yield {"tokens": to_json(model.tokenize(from_json(TokenizeRequest, job.request)))}
        case "detokenize":
            yield {"text": model.detokenize(from_json(DetokenizeRequest, job.request))}
        case "chat" | "generate":
            if job.op == "chat":
                deltas = model.chat(from_json(ChatRequest, job.request), job.cancelled.is_set)
            else:
                deltas = model.generate(from_json(GenerateRequest, job.request), job.cancelled.is_set)
            for delta in deltas:
                yield {"delta": to_json(delta)}
            yield {"end": True}


def _rest() -> None:
    """Nothing to do when there is nothing to do."""


def _parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="picoqwen-worker", description="One loaded model.")
    parser.add_argument("--fd", type=int, required=True, help="inherited socket to the API process")
    parser.add_argument("--model", type=Path, required=True, help="GGUF file")
    parser.add_argument("--id", default="model", help="the model's name")
    parser.add_argument("--context", type=int, help="tokens of prompt and answer together")
    parser.add_argument("--kv-cache", default="auto", help="how keys and values are kept")
    parser.add_argument("--threads", type=int, help="threads to compute with, at most")
    parser.add_argument("--cpu-target", default="auto", help="the kind of processor")
    parser.add_argument("--nice", type=int, default=0, help="how far to stand back behind other processes")
    parser.add_argument("--max-memory", type=int, help="bytes that this process may take")
    parser.add_argument("--queue", type=int, default=QUEUE_LIMIT, help="requests that may wait")
    parser.add_argument("--sequences", type=int, default=SEQUENCES, help="requests that are answered at once")
    parser.add_argument("--cache-memory", type=int, help="megabytes of keys and values")
    parser.add_argument("--cache-file", type=int, default=512, help="megabytes of a file of prefixes")
    parser.add_argument("--speculation", default="on", choices=("on", "off"), help="whether to guess ahead")
    parser.add_argument("--draft", type=Path, help="a smaller model that guesses")
    parser.add_argument("--cache-dir", type=Path, help="where compiled kernels are kept")
    return parser.parse_args(arguments)


def _memory(most: int | None) -> int | None:
    """Bytes for the model and its context, None where Linux does not tell and no option does."""
    memory = read_memory()
    bounds = [most] if most is not None else []
    return min([*bounds, memory.available] if memory.total else bounds, default=None)


def _load(options: argparse.Namespace, report: Callable[[int, int], None]) -> "LoadedModel":
    strategy = choose_strategy(options.cpu_target, options.threads)
    prepare_libraries(options.cache_dir, strategy.threads)
    stand_back(options.nice, strategy.cpus)
    # Imported here because numba reads its settings from the environment at import.
    from picoqwen_core.engine.loaded import LoadedModel  # noqa: PLC0415
    from picoqwen_core.engine.setup import Wishes  # noqa: PLC0415
    from picoqwen_core.kernels.prepare import reporting  # noqa: PLC0415

    wishes = Wishes(
        context_length=options.context,
        kv_cache=options.kv_cache,
        threads=strategy.threads,
        prefill_chunk=strategy.prefill_chunk,
        sequences=options.sequences,
        memory=_memory(options.max_memory),
        cache_bytes=options.cache_memory * MEGABYTE if options.cache_memory is not None else None,
        prefixes=(options.cache_dir or cache_folder()) / "prefixes",
        file_bytes=options.cache_file * MEGABYTE,
        speculation=options.speculation == "on",
        draft=options.draft,
    )
    with reporting(report):
        model = LoadedModel.load(options.model, options.id, wishes)
    settle()
    # Kernels are compiled or loaded by now.
    forget_code("libllvmlite")
    return model


if __name__ == "__main__":
    sys.exit(main())
