"""Opens spoiled models by the thousand: each must open, or be refused with a CheckpointError.

    python -m tests.loaders.fuzz COUNT [--seed SEED] [--only NUMBER]

Anything else fails: another exception, a dead process, more memory than a small file can need (the address
space is limited), or a file that keeps the processor busy for half a minute. What failed is named by its
number, and --only opens that one again.
"""

import argparse
import json
import random
import resource
import signal
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from picoqwen_core.chat import TEMPLATE_KEY, ChatTemplate
from picoqwen_core.errors import CheckpointError
from picoqwen_core.loaders.gguf_values import packed_string, packed_value
from picoqwen_core.loaders.gguf_writer import write_gguf
from picoqwen_core.loaders.open import open_checkpoint
from picoqwen_core.model.config import Qwen3Config
from picoqwen_core.quants.formats import FORMATS
from picoqwen_core.tokenizer import Tokenizer
from tests.hf import write_hf_folder
from tests.loaders.mutations import spoil_bytes, spoil_json, spoil_metadata
from tests.oracles.shapes import Shape
from tests.oracles.weights import random_weights
from tests.qwen3_rs import write_qwen3_rs
from tests.vocabulary import tiny_metadata

SHAPE = Shape("fuzz", 9, 32, 1, 2, 1, 32, 32, 300, True, ())
# Address space beyond what is in use before the first file; files have some 100 KB.
SPARE_BYTES = 256 << 20
SECONDS_OF_WORK = 30


@dataclass(frozen=True)
class Victim:
    """A sound model: its folder, what is opened, and how each of its files is spoiled."""

    name: str
    folder: Path
    path: Path
    spoilers: dict[str, Callable[[random.Random, bytes], bytes]]


class _TooLong(Exception):
    """A file keeps the processor busy."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("count", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int)
    arguments = parser.parse_args()
    signal.signal(signal.SIGVTALRM, _interrupt)
    # Weights may be any numbers, also none.
    np.seterr(all="ignore")
    with tempfile.TemporaryDirectory() as folder:
        victims = make_victims(Path(folder))
        for victim in victims:
            open_fully(victim.path)
        _limit_memory()
        numbers = range(arguments.count) if arguments.only is None else [arguments.only]
        results: Counter[str] = Counter()
        for number in numbers:
            rng = random.Random(f"{arguments.seed} {number}")
            result = try_one(rng, victims)
            if result not in ("opened", "refused"):
                sys.exit(f"number {number} of seed {arguments.seed}:\n{result}")
            results[result] += 1
    print(json.dumps({"tried": results.total(), **results}))


def try_one(rng: random.Random, victims: list[Victim]) -> str:
    """Spoil a file of a model and open it: "opened", "refused", or what went wrong instead."""
    victim = rng.choice(victims)
    file = victim.folder / rng.choice(list(victim.spoilers))
    sound = file.read_bytes()
    # Never rewritten in place: a model that is still mapped would change under its reader.
    file.unlink()
    if rng.random() > 0.01:
        file.write_bytes(victim.spoilers[file.name](rng, sound))
    try:
        signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS_OF_WORK)
        return outcome(lambda: open_fully(victim.path))
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        file.unlink(missing_ok=True)
        file.write_bytes(sound)


def outcome(attempt: Callable[[], None]) -> str:
    """What came of it."""
    try:
        attempt()
    except CheckpointError as err:
        # A message can be shown anywhere, and is not as long as what is wrong.
        str(err).encode()
        return (
            "refused"
            if 10 < len(str(err)) < 1000
            else f"a message of {len(str(err))} characters: {str(err)[:300]}"
        )
    except BaseException:
        return traceback.format_exc()
    return "opened"


def open_fully(path: Path) -> None:
    """What loading a model does before anything is computed; all tensors are looked at."""
    checkpoint = open_checkpoint(path)
    metadata = checkpoint.metadata
    Tokenizer.from_metadata(metadata).encode("turn <|im_start|> on the lamp")
    if TEMPLATE_KEY in metadata:
        if isinstance(metadata[TEMPLATE_KEY], str):
            read_template(metadata[TEMPLATE_KEY])
        else:
            ChatTemplate.from_metadata(metadata)
    Qwen3Config.from_metadata(metadata, checkpoint.tensor("token_embd.weight").shape[0])
    for tensor in checkpoint.tensors.values():
        tensor.dequantized()
    checkpoint.close()


@cache
def read_template(source: str) -> ChatTemplate:
    """Compiling takes long, and most models have the same one."""
    return ChatTemplate.from_metadata({TEMPLATE_KEY: source})


def make_victims(folder: Path) -> list[Victim]:
    """One of each kind that can be opened."""
    metadata = tiny_metadata() | {TEMPLATE_KEY: "{% for m in messages %}{{ m.content }}{% endfor %}"}
    return [
        *_gguf(folder, metadata),
        *_split(folder, metadata),
        *_hf(folder, metadata),
        *_rs(folder, metadata),
    ]


def _gguf(folder: Path, metadata: dict[str, Any]) -> list[Victim]:
    """Two: one is spoiled by its bytes, one by its metadata."""
    values = _sizes() | metadata
    victims = []
    for name in ("bytes", "values"):
        place = folder / f"gguf-{name}"
        place.mkdir()
        write_gguf(place / "m.gguf", values, _tensors())
        spoiler = spoil_bytes if name == "bytes" else _MetadataSpoiler(values, place / "m.gguf")
        victims.append(Victim(f"gguf {name}", place, place / "m.gguf", {"m.gguf": spoiler}))
    return victims


class _MetadataSpoiler:
    """Puts other metadata in the place of the file's."""

    def __init__(self, values: dict[str, Any], path: Path) -> None:
        self._values = values
        data = path.read_bytes()
        # Magic number, version, two counts; then the values, as the tensors' directory begins after them.
        self._head = data[:16]
        # Tensors' data begins at a multiple of 32 wherever the directory ends: room for another end.
        self._rest = data[24 + len(_packed(values)) :] + bytes(32)

    def __call__(self, rng: random.Random, data: bytes) -> bytes:
        values = spoil_metadata(rng, self._values)
        return self._head + len(values).to_bytes(8, "little") + _packed(values) + self._rest


def _packed(values: dict[str, Any]) -> bytes:
    return b"".join(packed_string(key) + packed_value(key, value) for key, value in values.items())


def _sizes() -> dict[str, Any]:
    return {
        "general.architecture": "qwen3",
        "general.alignment": 32,
        "qwen3.context_length": 512,
        "qwen3.embedding_length": SHAPE.hidden_size,
        "qwen3.block_count": SHAPE.n_layers,
        "qwen3.feed_forward_length": SHAPE.intermediate_size,
        "qwen3.attention.head_count": SHAPE.n_heads,
        "qwen3.attention.head_count_kv": SHAPE.n_kv_heads,
        "qwen3.attention.key_length": SHAPE.head_dim,
        "qwen3.attention.value_length": SHAPE.head_dim,
        "qwen3.attention.layer_norm_rms_epsilon": 1e-6,
        "qwen3.rope.freq_base": 1e6,
        "qwen3.rope.scaling.type": "none",
        "picoqwen.stop_token_ids": [1, 2],
    }


def _tensors() -> dict[str, Any]:
    tensors = {}
    for name, array in random_weights(**SHAPE.weights_arguments()).items():  # type: ignore[arg-type]
        format_ = FORMATS["Q4_0" if array.ndim > 1 else "F32"]
        tensors[name] = (format_, array.shape, format_.quantize(array.reshape(-1)))
    return tensors


def _split(folder: Path, metadata: dict[str, Any]) -> list[Victim]:
    place = folder / "split"
    place.mkdir()
    tensors = _tensors()
    names = sorted(tensors)
    files = ["m-00001-of-00002.gguf", "m-00002-of-00002.gguf"]
    for number, file in enumerate(files):
        values = {"split.no": number, "split.count": 2, "split.tensors.count": len(names)}
        chosen = {name: tensors[name] for name in names[number::2]}
        write_gguf(place / file, values | (_sizes() | metadata if number == 0 else {}), chosen)
    return [Victim("split", place, place / files[0], dict.fromkeys(files, spoil_bytes))]


def _spoil_json_file(rng: random.Random, data: bytes) -> bytes:
    return rng.choice((spoil_json, spoil_json, spoil_bytes))(rng, data)


def _spoil_safetensors(rng: random.Random, data: bytes) -> bytes:
    """Its bytes, or its directory."""
    length = int.from_bytes(data[:8], "little")
    if rng.random() < 0.5:
        return spoil_bytes(rng, data)
    directory = spoil_json(rng, data[8 : 8 + length])
    return len(directory).to_bytes(8, "little") + directory + data[8 + length :]


def _hf(folder: Path, metadata: dict[str, Any]) -> list[Victim]:
    victims = []
    for shards in (1, 2):
        place = folder / f"hf-{shards}"
        write_hf_folder(place, SHAPE, dtype="F16", shards=shards, metadata=metadata, pairs=shards == 2)
        (place / "chat_template.jinja").write_text(metadata[TEMPLATE_KEY])
        spoilers: dict[str, Callable[[random.Random, bytes], bytes]] = {}
        for file in sorted(place.iterdir()):
            spoilers[file.name] = {".json": _spoil_json_file, ".safetensors": _spoil_safetensors}.get(
                file.suffix, spoil_bytes
            )
        victims.append(Victim(f"hf {shards}", place, place, spoilers))
    return victims


def _rs(folder: Path, metadata: dict[str, Any]) -> list[Victim]:
    victims = []
    for layout, group in (("A", 32), ("B", 16)):
        place = folder / f"rs-{layout}"
        place.mkdir()
        path = place / "m.bin"
        write_qwen3_rs(path, SHAPE, layout=layout, group_size=group, metadata=metadata)
        spoilers = {file.name: spoil_bytes for file in sorted(place.iterdir())}
        victims.append(Victim(f"rs {layout}", place, path, spoilers))
    return victims


def _limit_memory() -> None:
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + SPARE_BYTES, used + SPARE_BYTES))


def _interrupt(*_: object) -> None:
    raise _TooLong


if __name__ == "__main__":
    main()
