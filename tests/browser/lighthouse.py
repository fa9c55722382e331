"""The real Lighthouse, where script/check-page installed it: the scores of each view, by screen."""

import json
import os
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FLAGS = "--headless=new --no-sandbox --disable-gpu"
SECONDS = 300
SCREENS = {"phone": (), "desktop": ("--preset=desktop",)}
TIMES = (
    "first-contentful-paint",
    "largest-contentful-paint",
    "total-blocking-time",
    "cumulative-layout-shift",
)


def run(chromium: str, url: str, views: Iterable[str]) -> Iterator[tuple[str, dict[str, int]]]:
    """For each view and screen its name and the scores of 100; all are written to a file at the end."""
    told = {}
    for view in views:
        for screen, options in SCREENS.items():
            command = [
                "lighthouse",
                f"{url}#{view}",
                "--quiet",
                "--output=json",
                f"--chrome-flags={FLAGS}",
                *options,
            ]
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                check=True,
                timeout=SECONDS,
                env={**os.environ, "CHROME_PATH": chromium},
            )
            report = json.loads(done.stdout)
            scores = {name: round(100 * each["score"]) for name, each in report["categories"].items()}
            shown = {name: report["audits"][name]["displayValue"] for name in TIMES}
            below = [
                name
                for name, each in report["audits"].items()
                if each["score"] is not None and each["score"] < 0.9
            ]
            told[f"{view} on a {screen}"] = {"scores": scores, "times": shown, "below 90": below}
            yield (
                f"{view} on a {screen} ({', '.join(f'{key} {value}' for key, value in shown.items())})",
                scores,
            )
    (ROOT / ".cache" / "lighthouse.json").write_text(json.dumps(told, indent=1))
