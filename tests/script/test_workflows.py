"""The workflows fit the repository: what they publish is what the app asks for, and what they run is there.

That they are well-formed, pinned and hold no more rights than they need is what script/lint looks at.
"""

import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = {path.stem: path for path in (ROOT / ".github" / "workflows").glob("*.yml")}
APP = yaml.safe_load((ROOT / "addon" / "config.yaml").read_text())


def workflow(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(WORKFLOWS[name].read_text())
    return loaded


def steps(job: dict[str, Any]) -> str:
    """All that a job runs."""
    return "\n".join(step.get("run", "") for step in job["steps"])


def needed(jobs: dict[str, Any], name: str) -> set[str]:
    """The jobs that have to pass before this one, however far back."""
    needs = jobs[name].get("needs", [])
    before = {needs} if isinstance(needs, str) else set(needs)
    return before.union(*(needed(jobs, each) for each in before))


def test_a_release_publishes_the_image_that_the_app_names() -> None:
    release = workflow("release")

    assert release["env"]["IMAGE"] == APP["image"]
    assert APP["image"] == APP["image"].lower()  # the registry takes no capitals
    assert "{arch}" not in APP["image"]  # one name for all architectures
    joined = steps(release["jobs"]["publish"])
    assert re.findall(r'"\$IMAGE:\$VERSION-(\w+)"', joined) == sorted(APP["arch"], reverse=True)
    assert '--tag "$IMAGE:$VERSION"' in joined  # the Supervisor takes the app's version for the tag


@pytest.mark.parametrize(("name", "job"), [("release", "build"), ("image", "image")])
def test_every_architecture_of_the_app_is_built_on_a_machine_of_its_own_kind(name: str, job: str) -> None:
    machines = {"amd64": "ubuntu-24.04", "aarch64": "ubuntu-24.04-arm"}
    built = workflow(name)["jobs"][job]["strategy"]["matrix"]["include"]

    assert {each["arch"]: each["runner"] for each in built} == {each: machines[each] for each in APP["arch"]}


def test_nothing_is_released_that_was_not_tested_published_and_installed() -> None:
    jobs = workflow("release")["jobs"]

    assert needed(jobs, "release") == {"version", "test", "build", "publish", "install"}
    assert "test" in needed(jobs, "build")
    assert jobs["test"]["uses"] == "./.github/workflows/test.yml"
    assert "docker login" not in steps(jobs["install"])  # as the Supervisor: without an account
    assert "script/test-image" in steps(jobs["install"])


def test_every_script_that_a_workflow_runs_is_there() -> None:
    text = "\n".join(
        steps(job) for name in WORKFLOWS for job in workflow(name)["jobs"].values() if "steps" in job
    )
    run = set(re.findall(r"\bscript/[\w.-]*\w", text))

    assert {"script/lint", "script/test", "script/test-container", "script/test-image"} <= run
    assert [each for each in run if not (ROOT / each).is_file()] == []
    assert [each for each in run if not each.endswith(".py") and not os.access(ROOT / each, os.X_OK)] == []


def test_an_action_has_one_pin_wherever_it_is_used() -> None:
    pins: dict[str, set[str]] = {}
    for path in WORKFLOWS.values():
        for action, pin in re.findall(r"uses: ([\w/-]+)@(\S+ # \S+)$", path.read_text(), re.MULTILINE):
            pins.setdefault(action, set()).add(pin)

    assert "actions/checkout" in pins
    assert {action: found for action, found in pins.items() if len(found) > 1} == {}
