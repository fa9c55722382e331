"""Opens a model, whatever its files are, as a Checkpoint in GGUF's vocabulary."""

from pathlib import Path

from picoqwen_core.errors import CheckpointError
from picoqwen_core.loaders.checkpoint import Checkpoint
from picoqwen_core.loaders.gguf import open_gguf
from picoqwen_core.loaders.hf_folder import CONFIG, is_hf_folder, open_hf_folder
from picoqwen_core.loaders.qwen3_rs import is_qwen3_rs, open_qwen3_rs


def open_checkpoint(path: Path | str) -> Checkpoint:
    """Open a GGUF file (or any of several), a Hugging Face folder (or a file in it), or qwen3-rs's .bin.

    Raises CheckpointError, naming the file and the value, for anything else and for unsound files.
    """
    path = Path(path)
    if path.is_dir():
        if is_hf_folder(path):
            return open_hf_folder(path)
        raise CheckpointError(f"{path}: no model: a folder needs {CONFIG} and *.safetensors files")
    if path.suffix == ".safetensors" or path.name == CONFIG:
        return open_hf_folder(path.parent)
    if path.is_file() and is_qwen3_rs(path):
        return open_qwen3_rs(path)
    return open_gguf(path)
