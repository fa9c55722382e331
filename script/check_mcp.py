"""Runs the MCP conformance suite and inspector against our server and our client; script/test-mcp sets it up.

The suite's release is run as it comes; its next one, which knows the newest revision of the protocol, is run
for each of the last three. What this server does not offer (subscriptions to one resource, logging, sampling,
elicitation, resumption, pictures, sound and other files) is left out by name; docs/mcp.md says why.
"""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / ".cache" / "mcp"
REPORT = ROOT / ".cache" / "mcp-conformance.json"
RELEASE, NEXT = "@modelcontextprotocol/conformance", "conformance-next"
REVISIONS = ("2025-06-18", "2025-11-25", "2026-07-28")
SERVER_SCENARIOS = (
    *("server-initialize", "server-session-lifecycle", "server-stateless", "ping", "caching"),
    *("tools-list", "tools-call-simple-text", "tools-call-error", "tools-call-with-progress"),
    *("resources-list", "resources-read-text", "resources-templates-read", "sep-2164-resource-not-found"),
    *("prompts-list", "prompts-get-simple", "prompts-get-with-args", "completion-complete"),
    *("json-schema-2020-12", "server-sse-multiple-streams", "dns-rebinding-protection"),
    "http-header-validation",
)
CLIENT_SCENARIOS = (
    *("initialize", "tools_call", "sse-retry", "request-metadata", "http-standard-headers"),
    *("http-custom-headers", "http-invalid-tool-headers", "json-schema-ref-no-deref"),
    "json-schema-2020-12-preservation",
)
# Checks of scenarios that are run which ask for tools that want something of the client, or that log.
NOT_OFFERED = frozenset(
    {
        *("sep-2575-server-rejects-undeclared-capability", "sep-2575-missing-capability-http-400"),
        "sep-2575-http-server-no-independent-requests-on-stream",
        "sep-2575-server-no-log-without-loglevel",
    }
)
_SECONDS = 180
_LISTED = re.compile(r"^\s+- (\S+) \[(.*)\]", re.MULTILINE)
_COLOUR = re.compile(r"\x1b\[\d+m")
_FAILED = re.compile(r"\[([\w-]+)\s*\]\s+FAILURE")


def main() -> int:
    """0 where nothing failed."""
    passed: Counter[str] = Counter()
    failures: list[str] = []
    with offered() as url:
        for suite, side, name, revision in scenarios():
            good, bad = scenario(suite, side, name, revision, url)
            passed[revision or "release"] += good
            failures += [f"{side} {name} {revision}: {check}".replace(" :", ":") for check in bad]
        if inspector(url):
            passed["inspector"] += 1
        else:
            failures.append("inspector")
    left_out = sorted(set(known(NEXT, "server")) - set(SERVER_SCENARIOS))
    report = {
        "passed": passed.total(),
        "failed": len(failures),
        "failures": failures,
        "by_revision": dict(passed),
        "not_offered": left_out,
        "checks_not_offered": sorted(NOT_OFFERED),
    }
    REPORT.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(report, indent=1))
    return int(bool(failures))


@contextmanager
def offered() -> Iterator[str]:
    """The address of a server with what the suite wants of one."""
    command = [sys.executable, str(ROOT / "tests" / "mcp" / "offered.py")]
    server = subprocess.Popen(
        command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)}, text=True
    )
    try:
        assert server.stdout is not None
        yield server.stdout.readline().strip() + "/mcp"
    finally:
        server.terminate()
        server.wait(10)


def scenarios() -> Iterator[tuple[str, str, str, str]]:
    """What is run: the suite, the side, the scenario, and the revision, "" for what the release takes."""
    for side, wanted in (("server", SERVER_SCENARIOS), ("client", CLIENT_SCENARIOS)):
        yield from ((RELEASE, side, name, "") for name in known(RELEASE, side) if name in wanted)
        for name, revisions in known(NEXT, side).items():
            yield from (
                (NEXT, side, name, each) for each in REVISIONS if name in wanted and each in revisions
            )


def known(suite: str, side: str) -> dict[str, str]:
    """The scenarios of a side that a suite has, and the revisions of each."""
    text = conformance(suite, "list").stdout
    server, _, rest = text.partition("Client scenarios")
    return dict(_LISTED.findall(server if side == "server" else rest.partition("Authorization")[0]))


def scenario(suite: str, side: str, name: str, revision: str, url: str) -> tuple[int, list[str]]:
    """How many checks of a scenario passed, and which failed; one that checked nothing has failed."""
    command = f"{sys.executable} {ROOT / 'tests' / 'mcp' / 'asking.py'}"
    target = ("--url", url) if side == "server" else ("--command", command)
    version = ("--spec-version", revision) if revision else ()
    done = conformance(suite, side, *target, "--scenario", name, *version)
    text = _COLOUR.sub("", done.stdout + done.stderr)
    good = sum(map(int, re.findall(r"Passed: (\d+)/", text)))
    counted = sum(map(int, re.findall(r"Passed: \d+/\d+, (\d+) failed", text)))
    found = _FAILED.findall(text)
    bad = [check for check in found if check not in NOT_OFFERED]
    # The counts are the suite's word; a failure that has no name in what it prints is one all the same.
    bad += ["unnamed"] * (counted - len(found))
    if good == 0 or (done.returncode != 0 and not found):
        bad = bad or ["nothing was checked"]
    print(f"{side} {name} {revision}: {good} passed, failed: {', '.join(bad) or 'none'}", flush=True)
    return good, bad


def inspector(url: str) -> bool:
    """Whether the inspector lists our tools and calls one."""
    base = ("mcp-inspector", "--cli", url, "--transport", "http", "--method")
    listed = run(*base, "tools/list")
    called = run(*base, "tools/call", "--tool-name", "generate", "--tool-arg", "prompt=hi")
    good = '"generate"' in listed.stdout and '"hello"' in called.stdout
    print(f"inspector: {'passed' if good else 'failed: ' + (called.stderr or called.stdout)[-500:]}")
    return good


def conformance(suite: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a suite; both name their program alike, so that it is not taken from the path."""
    return run("node", str(WORK / "node_modules" / suite / "dist" / "index.js"), *arguments)


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """Its output, whatever its end."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command, capture_output=True, text=True, timeout=_SECONDS, env=environment, cwd=WORK, check=False
    )


if __name__ == "__main__":
    sys.exit(main())
