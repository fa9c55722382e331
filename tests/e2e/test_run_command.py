"""script/run as a user calls it."""

import re
import signal
import socket
import subprocess

import psutil

from house_runner.paths import ROOT
from house_runner.ports import find_free

RUN = ROOT / "script" / "run"


def test_ask_prints_answer_tool_call_change_and_milliseconds() -> None:
    done = subprocess.run(
        [RUN, "--fresh", "--ask", "turn on the kitchen lamp"],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert re.search(r"^  Pico-Qwen   \S", done.stdout, re.MULTILINE)
    assert re.search(r'^  tool call   \S*HassTurnOn \{.*"Kitchen lamp"', done.stdout, re.MULTILINE)
    assert re.search(r"^  changed     light\.kitchen_lamp: off -> on", done.stdout, re.MULTILINE)
    assert re.search(r"^  time        \d+ ms to the changed state", done.stdout, re.MULTILINE)


def test_ctrl_c_leaves_no_process_behind() -> None:
    command = [RUN, "--server-only", "--port", str(find_free())]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        started = "Pico-Qwen answers on" in run.stdout.readline()
        family = psutil.Process(run.pid).children(recursive=True)
        run.send_signal(signal.SIGINT)
        exit_code = run.wait(timeout=30)

    assert started
    assert len(family) >= 2
    assert exit_code == 0
    assert not any(process.is_running() for process in family)


def test_a_taken_port_is_named_with_the_option_that_chooses_another() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [RUN, "--server-only", "--port", str(port)],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    assert done.returncode == 1
    assert done.stderr.startswith(f"error: port {port} cannot be used")
    assert "--port" in done.stderr
