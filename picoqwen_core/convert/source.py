"""What is to be converted: a model file or folder, or an adapter folder with its base model."""

import re
from pathlib import Path

from picoqwen_core.convert.lora import is_adapter_folder, open_adapter
from picoqwen_core.convert.weights import Model
from picoqwen_core.errors import ConfigError
from picoqwen_core.loaders.open import open_checkpoint

_PART = re.compile(r"(.*)-\d{5}-of-(\d{5}\.gguf)")


def open_source(path: Path, base: Path | None = None) -> Model:
    """Open a model of any kind that can be read; base: the base model of an adapter folder.

    Raises CheckpointError when it is not sound, ConfigError for a base without an adapter.
    """
    if is_adapter_folder(path):
        return open_adapter(path, base)
    if base is not None:
        raise ConfigError(f"--base is {str(base)!r}, but {path} is no adapter folder")
    return Model(open_checkpoint(path))


def refuse_input_as_output(inputs: list[Path | None], output: Path) -> None:
    """Raise ConfigError when writing `output` would destroy what is read."""
    for path in inputs:
        if path is None:
            continue
        inside = path.is_dir() and output.exists() and output.resolve().parent == path.resolve()
        if inside or output.resolve() == path.resolve() or _parts(output) == _parts(path):
            raise ConfigError(f"{output} is, or is a part of, the model that is read; write to another file")


def _parts(path: Path) -> str:
    """The same for all parts of a model in several files."""
    match = _PART.fullmatch(str(path.resolve()))
    return f"{match[1]}-{match[2]}" if match else str(path.resolve())
