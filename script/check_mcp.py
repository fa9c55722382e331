"""Runs the MCP conformance suite and inspector against our server and our client; script/test-mcp sets it up.

What this server does not offer (resources, prompts, sampling, elicitation, logging, progress, resumption,
pictures and sound) is left out by name: those scenarios ask for tools that a test server has for them.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REPORT = ROOT / ".cache" / "mcp-conformance.json"
SERVER_SCENARIOS = (
    *("server-initialize", "ping", "tools-list", "tools-call-simple-text", "tools-call-error"),
    *("json-schema-2020-12", "server-sse-multiple-streams", "dns-rebinding-protection"),
)
CLIENT_SCENARIOS = ("initialize", "tools_call", "sse-retry")
_SECONDS = 120
_LISTED = re.compile(r"^\s+- (\S+) \[", re.MULTILINE)


def main() -> int:
    """0 where nothing failed."""
    passed, failed = 0, []
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    server = subprocess.Popen(
        [sys.executable, str(ROOT / "tests" / "mcp" / "offered.py")],
        stdout=subprocess.PIPE,
        env=environment,
        text=True,
    )
    try:
        assert server.stdout is not None
        url = server.stdout.readline().strip() + "/mcp"
        for name in SERVER_SCENARIOS:
            good, bad = scenario("server", "--url", url, "--scenario", name)
            passed, failed = passed + good, failed + [f"server {name}"] * bad
        command = f"{sys.executable} {ROOT / 'tests' / 'mcp' / 'asking.py'}"
        for name in CLIENT_SCENARIOS:
            good, bad = scenario("client", "--command", command, "--scenario", name)
            passed, failed = passed + good, failed + [f"client {name}"] * bad
        inspected = inspector(url)
        passed, failed = passed + inspected, failed + ["inspector"] * (not inspected)
    finally:
        server.terminate()
        server.wait(10)
    left_out = sorted(set(server_scenarios()) - set(SERVER_SCENARIOS))
    report = {"passed": passed, "failed": len(failed), "failures": failed, "not_offered": left_out}
    REPORT.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(report, indent=1))
    return int(bool(failed))


def scenario(*arguments: str) -> tuple[int, int]:
    """Checks of one scenario that passed and failed; one that checked nothing has failed."""
    done = run("conformance", *arguments)
    text = done.stdout + done.stderr
    good = sum(map(int, re.findall(r"Passed: (\d+)/", text)))
    bad = sum(map(int, re.findall(r"Passed: \d+/\d+, (\d+) failed", text)))
    bad = bad or int(good == 0 or done.returncode != 0)
    print(f"{arguments[0]} {arguments[-1]}: {good} passed, {bad} failed")
    return good, bad


def inspector(url: str) -> bool:
    """Whether the inspector lists our tools and calls one."""
    base = ("mcp-inspector", "--cli", url, "--transport", "http", "--method")
    listed = run(*base, "tools/list")
    called = run(*base, "tools/call", "--tool-name", "generate", "--tool-arg", "prompt=hi")
    good = '"generate"' in listed.stdout and '"hello"' in called.stdout
    print(f"inspector: {'passed' if good else 'failed: ' + (called.stderr or called.stdout)[-500:]}")
    return good


def server_scenarios() -> list[str]:
    """The names of all scenarios for servers that the suite has."""
    text = run("conformance", "list").stdout
    return _LISTED.findall(text.partition("Client scenarios")[0])


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """Its output, whatever its end."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    work = ROOT / ".cache" / "mcp"
    return subprocess.run(
        command, capture_output=True, text=True, timeout=_SECONDS, env=environment, cwd=work, check=False
    )


if __name__ == "__main__":
    sys.exit(main())
