"""Where things lie in the repository."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HOUSE = ROOT / "house"
INTEGRATION = ROOT / "custom_components" / "picoqwen"
STATE = ROOT / ".cache" / "house"
