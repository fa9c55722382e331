"""Where things lie in the repository, and whether there is room for more."""

import shutil
from pathlib import Path

from .errors import HouseError

ROOT = Path(__file__).resolve().parents[2]
HOUSE = ROOT / "house"
INTEGRATION = ROOT / "custom_components" / "picoqwen"
STATE = ROOT / ".cache" / "house"
NEEDED_MB = 50


def make_folder(folder: Path) -> Path:
    """Make a folder for state and logs. Raises HouseError where the disk is too full or not writable."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free // 1_000_000
    except OSError as err:
        raise HouseError(f"{folder} cannot be made: {err.strerror}") from err
    if free < NEEDED_MB:
        raise HouseError(f"not enough disk space: {folder} needs {NEEDED_MB} MB and has {free} MB")
    return folder
