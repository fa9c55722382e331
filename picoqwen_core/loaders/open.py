"""Opens a model, whatever its files are, as a Checkpoint in GGUF's vocabulary."""

from pathlib import Path

from picoqwen_core.errors import CheckpointError
from picoqwen_core.loaders.checkpoint import Checkpoint
from picoqwen_core.loaders.gguf import open_gguf
from picoqwen_core.loaders.hf_folder import CONFIG, is_hf_folder, open_hf_folder


def open_checkpoint(path: Path | str) -> Checkpoint:
    """Open a GGUF file, or a Hugging Face folder of safetensors (or a file in it).

    Raises CheckpointError, naming the file and the value, for anything else and for unsound files.
    """
    path = Path(path)
    if path.is_dir():
        if is_hf_folder(path):
            return open_hf_folder(path)
        raise CheckpointError(f"{path}: no model: a folder needs {CONFIG} and *.safetensors files")
    if path.suffix == ".safetensors" or path.name == CONFIG:
        return open_hf_folder(path.parent)
    return open_gguf(path)
