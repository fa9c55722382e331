"""Models as files on this machine: which files count, what they are called, and which one a name means.

Nothing is read here but the first bytes of a *.bin, which may be anything: the loaders decide whether a file
can be used. Shared by the pool and the downloads.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

# What is being downloaded, and what has been put aside.
PARTIAL_SUFFIX = ".part"
# The plan's words for formats, and people's.
_ALIASES = {
    "int8": "Q8_0",
    "int4": "Q4_K_M",
    "fp16": "F16",
    "fp32": "F32",
    "float16": "F16",
    "float32": "F32",
}
_QUANTIZATION = re.compile(
    r"[-._](I?Q\d(?:_(?:\d|K|NL|XS|XXS|S|M))?(?:_[SML])?|BF16|F16|F32|FP16)$", re.IGNORECASE
)


# A model in several files: the first stands for all of them.
_PART = re.compile(r"-(\d{5})-of-(\d{5})$")
# qwen3-rs's checkpoints begin so (loaders/qwen3_rs.py); other programs have .bin files of their own.
_QWEN3_RS_MAGIC = b"1cja"


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model on disk; `base` and `quantization` are read from its name: qwen3-0.6b and Q8_0."""

    id: str
    path: Path
    size_bytes: int
    base: str
    quantization: str | None


def model_file(path: Path) -> ModelFile:
    """A file or folder as a model; its size is 0 where it is not there."""
    name = path.name if path.is_dir() else _PART.sub("", path.stem)
    base, quantization = split_name(name)
    return ModelFile(name, path, _size(path), base, quantization)


def find_models(folder: Path | None) -> dict[str, ModelFile]:
    """The models of a folder by id: its GGUF files, folders of safetensors, and qwen3-rs's .bin."""
    try:
        entries = sorted(folder.iterdir()) if folder is not None else []
    except OSError:
        return {}
    return {found.id: found for found in map(model_file, filter(_is_model, entries))}


def split_name(name: str) -> tuple[str, str | None]:
    """Qwen3-0.6B-Q8_0 -> Qwen3-0.6B and Q8_0; a name without a format has none."""
    match = _QUANTIZATION.search(name)
    if match is None:
        return name, None
    return name[: match.start()], normal_quantization(match.group(1))


def normal_quantization(name: str) -> str:
    """The format's usual spelling: int8 and q8_0 are Q8_0."""
    return _ALIASES.get(name.casefold(), name.upper())


def pick(
    models: Iterable[ModelFile], name: str, quantization: str | None, preferred: str
) -> ModelFile | None:
    """The model that a name means: an id, or a base name with or without a format; letter case is ignored.

    Of several formats the preferred one is taken, else the first by name. None where nothing fits.
    """
    wanted = name.removesuffix(":latest").replace(":", "-").casefold()
    of_name = [each for each in models if each.id.casefold() == wanted]
    fitting = of_name or [each for each in models if each.base.casefold() == wanted]
    if quantization is not None:
        family = {each.base for each in fitting}
        kind = normal_quantization(quantization)
        fitting = [each for each in models if each.base in family and each.quantization in (kind, None)]
    first = normal_quantization(preferred)
    return min(fitting, key=lambda each: (each.quantization != first, each.id), default=None)


def files_of(path: Path) -> list[Path]:
    """All files of a model, where it is in several; else itself."""
    part = _PART.search(path.stem)
    if part is None:
        return [path]
    return sorted(path.parent.glob(f"{path.stem[: part.start()]}-?????-of-{part[2]}{path.suffix}"))


def _is_model(path: Path) -> bool:
    if path.suffix == ".gguf":
        part = _PART.search(path.stem)
        return path.is_file() and (part is None or int(part[1]) == 1)
    if path.suffix == ".bin":
        return path.is_file() and _first_bytes(path) == _QWEN3_RS_MAGIC
    return path.is_dir() and (path / "config.json").is_file() and any(path.glob("*.safetensors"))


def _first_bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(len(_QWEN3_RS_MAGIC))
    except OSError:
        return b""


def _size(path: Path) -> int:
    try:
        if path.is_dir():
            return sum(each.stat().st_size for each in path.glob("*.safetensors"))
        return sum(each.stat().st_size for each in files_of(path))
    except OSError:
        return 0
