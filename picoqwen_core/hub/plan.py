"""Which files of a repository make a model, and where they go."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from picoqwen_core.errors import ModelNotFound, RequestError
from picoqwen_core.hub.client import RemoteFile
from picoqwen_core.installed import normal_quantization, split_name

# What a folder of safetensors needs beside its weights.
_FOLDER_FILES = frozenset(
    {
        *("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"),
        *("vocab.json", "merges.txt", "model.safetensors.index.json", "chat_template.jinja"),
    }
)
_PART = re.compile(r"-\d{5}-of-\d{5}$")
_REPOSITORY = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*\Z")


@dataclass(frozen=True, slots=True)
class Plan:
    """What to fetch; `folder` names the folder that the files make together, None for single files."""

    files: tuple[RemoteFile, ...]
    model_id: str
    folder: str | None = None

    @property
    def size(self) -> int:
        """Bytes in all."""
        return sum(each.size for each in self.files)


def check_repository(name: str) -> None:
    """Raises RequestError for what cannot be a repository's name."""
    if not _REPOSITORY.match(name) or ".." in name:
        raise RequestError(f"repository {name!r} is not OWNER/NAME, such as Qwen/Qwen3-0.6B-GGUF")


def make_plan(
    repository: str, files: Sequence[RemoteFile], file: str | None, quantization: str | None, preferred: str
) -> Plan:
    """A GGUF file by name or format, else a folder of safetensors. Raises ModelNotFound."""
    by_model = _gguf_models(files)
    if file is not None:
        fitting = [parts for parts in by_model.values() if any(part.path == file for part in parts)]
    elif quantization is not None:
        fitting = _of_format(by_model, quantization)
    elif by_model:
        fitting = _of_format(by_model, preferred) or [min(by_model.values(), key=_size)]
    else:
        return _folder(repository, files)
    if not fitting:
        known = ", ".join(by_model) or "no GGUF files"
        raise ModelNotFound(f"{repository!r} has no {file or quantization!r}; it has: {known}")
    parts = tuple(fitting[0])
    return Plan(parts, _model_name(parts[0].path))


def _gguf_models(files: Sequence[RemoteFile]) -> dict[str, list[RemoteFile]]:
    """The parts of each GGUF model, by name; files for other purposes (vision) are left out."""
    found: dict[str, list[RemoteFile]] = {}
    for each in sorted(files, key=lambda file: file.path):
        if each.path.endswith(".gguf") and not PurePosixPath(each.path).name.startswith("mmproj"):
            found.setdefault(_model_name(each.path), []).append(each)
    return found


def _of_format(models: dict[str, list[RemoteFile]], quantization: str) -> list[list[RemoteFile]]:
    kind = normal_quantization(quantization)
    return [parts for name, parts in models.items() if split_name(name)[1] == kind]


def _size(parts: list[RemoteFile]) -> int:
    return sum(part.size for part in parts)


def _model_name(path: str) -> str:
    return _PART.sub("", PurePosixPath(path).stem)


def _folder(repository: str, files: Sequence[RemoteFile]) -> Plan:
    wanted = [each for each in files if each.path in _FOLDER_FILES or _is_weights(each.path)]
    if not any(_is_weights(each.path) for each in wanted):
        raise ModelNotFound(f"{repository!r} has neither GGUF nor safetensors files")
    name = repository.rpartition("/")[2]
    return Plan(tuple(wanted), name, name)


def _is_weights(path: str) -> bool:
    return "/" not in path and path.endswith(".safetensors")
