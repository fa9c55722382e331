"""Child processes of the demo house: they end when told, and their failures can be read."""

import socket
import sys
from pathlib import Path

import psutil
import pytest

from house_runner.errors import HouseError
from house_runner.ports import find_free, require_free
from house_runner.process import ChildProcess


async def test_stopping_ends_a_process_and_what_it_started(tmp_path: Path) -> None:
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(60)'])"
    child = await ChildProcess.start("sleeper", [sys.executable, "-c", code], tmp_path / "log")
    while not (family := psutil.Process(child.pid).children()):
        pass

    await child.stop()

    psutil.wait_procs(family, timeout=5)
    assert child.exit_code is not None
    assert not any(process.is_running() and process.status() != "zombie" for process in family)


async def test_a_process_that_ended_shows_the_end_of_its_log(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import sys; print('the reason'); sys.exit(3)"]
    child = await ChildProcess.start("the server", command, tmp_path / "log")
    await child.wait()

    with pytest.raises(HouseError, match=r"the server ended with code 3:\nthe reason"):
        child.require_alive()


def test_a_taken_port_is_named_with_the_option() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(HouseError, match=rf"port {port} .*--port"):
            require_free(port, "--port")
    require_free(find_free(), "--port")
