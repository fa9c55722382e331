"""picoqwen service install: run the server as a system service, with the hardened unit of this package."""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from picoqwen_core.errors import ConfigError

HELP = "install the server as a systemd service"
FILES = Path(__file__).resolve().parents[1] / "service"
UNIT = "pico-qwen.service"
_PROGRAM = "/opt/picoqwen/bin/python"
_CONFIG = "/etc/pico-qwen/config.toml"
_SECONDS = 60
# systemd's own measure, in tenths: 30 is "medium", and the unit keeps below it.
_MOST_EXPOSURE = 30


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to do, and where."""
    parser.add_argument("action", choices=("install",), help="write the unit and the settings, and start it")
    parser.add_argument("--dry-run", action="store_true", help="print what would be written, and check it")
    parser.add_argument("--root", type=Path, default=Path("/"), help="install below this folder (/)")
    parser.add_argument("--python", default=sys.executable, help="the Python that has picoqwen (this one)")
    parser.add_argument("--no-start", action="store_true", help="write the files only")


def run(arguments: argparse.Namespace) -> None:
    """Write, check, enable and start. Raises ConfigError naming what is in the way."""
    unit = unit_text(arguments.python)
    if arguments.dry_run:
        print(unit)
        print(f"# {_CONFIG} would be written too, where there is none.")
        for told in _checks(unit):
            print(f"# {told}")
        return
    written = install(unit, arguments.root)
    for path in written:
        print(f"wrote  {path}")
    if arguments.no_start or arguments.root != Path("/"):
        print("not started; `systemctl daemon-reload && systemctl enable --now pico-qwen` does")
        return
    for command in (("daemon-reload",), ("enable", UNIT), ("restart", UNIT)):
        _systemctl(*command)
    print("started; `systemctl status pico-qwen` and `picoqwen status` tell how it is")


def unit_text(python: str) -> str:
    """The unit for this Python. Raises ConfigError for one that the service could not run."""
    if not os.path.isabs(python) or any(each.isspace() for each in python):  # noqa: PTH117 - as typed
        raise ConfigError(f"--python is {python!r}; allowed: the absolute path of a program, without spaces")
    if Path(python).is_relative_to("/home") or Path(python).is_relative_to("/root"):
        raise ConfigError(
            f"--python is {python!r}, which the service may not see (ProtectHome); install picoqwen in "
            "/opt/picoqwen: python3 -m venv /opt/picoqwen && /opt/picoqwen/bin/pip install picoqwen"
        )
    return (FILES / UNIT).read_text(encoding="utf-8").replace(_PROGRAM, python)


def install(unit: str, root: Path) -> list[Path]:
    """Write the unit, and the settings where there are none; the paths that were written."""
    unit_path, config = root / "etc/systemd/system" / UNIT, root / _CONFIG.lstrip("/")
    files = {unit_path: unit}
    if not config.exists():
        files[config] = (FILES / "config.toml").read_text(encoding="utf-8")
    for path, text in files.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            scratch = path.with_name(f".{path.name}.new")
            scratch.write_text(text, encoding="utf-8")
            scratch.replace(path)
        except OSError as err:
            raise ConfigError(f"{path} cannot be written ({err.strerror}); run it as root") from err
    return list(files)


def _checks(unit: str) -> list[str]:
    """What systemd says of the unit, where there is a systemd."""
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        return ["systemd-analyze is not installed; the unit was not checked"]
    import tempfile  # noqa: PLC0415 - for the one who asks

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / UNIT
        path.write_text(unit, encoding="utf-8")
        verified = _told([analyze, "verify", str(path)])
        limit = f"--threshold={_MOST_EXPOSURE}"
        secure = _told([analyze, "security", "--offline=true", "--no-pager", limit, str(path)])
    overall = next((line.strip() for line in reversed(secure[1].splitlines()) if "exposure" in line), "")
    return [
        "systemd-analyze verify: " + ("no complaint" if verified[0] == 0 else verified[1].strip()),
        f"systemd-analyze security: {overall or secure[1].strip()}",
    ]


def _told(command: Sequence[str]) -> tuple[int, str]:
    done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)  # noqa: S603
    return done.returncode, done.stdout + done.stderr


def _systemctl(*arguments: str) -> None:
    try:
        code, told = _told(["systemctl", *arguments])
    except (OSError, subprocess.TimeoutExpired) as err:
        raise ConfigError(
            f"systemctl {' '.join(arguments)} cannot be run: {err}; the files are written"
        ) from err
    if code:
        raise ConfigError(f"systemctl {' '.join(arguments)} failed: {told.strip()}; the files are written")
