"""The command line behind script/run: start the demo house and keep it, or ask it one thing."""

import argparse
import asyncio
import contextlib
import signal
import sys
import tempfile
from pathlib import Path

from .client import connect
from .conversation import Answer, Conversation
from .errors import HouseError
from .home_assistant import PASSWORD, USERNAME
from .house import House, HouseOptions, open_house
from .paths import STATE, make_folder
from .ports import require_free
from .running import RunningHouse, claim, find_running, leave_note
from .server import start_server

FIRST_SENTENCE = "turn on the kitchen lamp"
RESTART_EXIT_CODE = 100


def main() -> int:
    """Run the command; 0 where all went well, 1 with one clear sentence where not."""
    arguments = _parse()
    try:
        return asyncio.run(_dispatch(arguments))
    except KeyboardInterrupt:
        return 0
    except HouseError as err:
        print(f"error: {err}", file=sys.stderr)
    return 1


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="script/run", description="Start Pico-Qwen with a demo house in a real Home Assistant."
    )
    parser.add_argument("--ask", metavar="SENTENCE", help="say one sentence, print what came of it, and exit")
    parser.add_argument("--server-only", action="store_true", help="start the server without Home Assistant")
    parser.add_argument("--fresh", action="store_true", help="use a new house that is forgotten afterwards")
    parser.add_argument("--port", type=int, help="port of the server (8080)")
    parser.add_argument("--ha-port", type=int, help="port of Home Assistant (8123)")
    arguments = parser.parse_args()
    if arguments.ask is not None and arguments.server_only:
        parser.error("--ask needs Home Assistant, --server-only leaves it out")
    return arguments


async def _dispatch(arguments: argparse.Namespace) -> int:
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        if arguments.server_only:
            await _keep_server(arguments.port or 8080)
        elif arguments.ask is not None:
            return await _ask(arguments)
        else:
            await _keep_house(arguments)
    return 0


async def _keep_server(port: int) -> None:
    require_free(port, "--port")
    server = await start_server(port, make_folder(STATE) / "server.log")
    try:
        print(f"Pico-Qwen answers on {server.url} (log: {server.process.log}). Ctrl-C stops it.", flush=True)
        await server.process.wait()
        server.process.require_alive()
    finally:
        await server.stop()


async def _ask(arguments: argparse.Namespace) -> int:
    running = None if arguments.fresh or arguments.port or arguments.ha_port else find_running(STATE)
    if running is not None:
        async with connect(running.url, running.token) as client:
            conversation = await Conversation.open(client, running.agent_id)
            answer = await conversation.say(arguments.ask)
    else:
        options = HouseOptions(None, arguments.port or 0, arguments.ha_port or 0)
        async with open_house(options) as house:
            answer = await house.conversation.say(arguments.ask)
    _show(arguments.ask, answer)
    return 1 if answer.response_type == "error" else 0


async def _keep_house(arguments: argparse.Namespace) -> None:
    with contextlib.ExitStack() as stack:
        folder = STATE
        if arguments.fresh:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="picoqwen-")))
        stack.enter_context(claim(folder))
        options = HouseOptions(folder, arguments.port or 8080, arguments.ha_port or 8123)
        print("Starting Home Assistant and the server ...", flush=True)
        while await _keep_until_ended(options) == RESTART_EXIT_CODE:
            print("Home Assistant asked for a restart ...", flush=True)


async def _keep_until_ended(options: HouseOptions) -> int:
    """Run the house until a process ends: RESTART_EXIT_CODE where Home Assistant asked for a restart."""
    async with open_house(options) as house:
        _greet(house)
        _show(FIRST_SENTENCE, await house.conversation.say(FIRST_SENTENCE))
        print("\nCtrl-C stops everything.", flush=True)
        leave_note(
            house.folder,
            RunningHouse(house.home_assistant.url, house.home_assistant.token, house.conversation.agent_id),
        )
        processes = (house.server.process, house.home_assistant.process)
        waits = [asyncio.create_task(process.wait()) for process in processes]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if house.home_assistant.process.exit_code == RESTART_EXIT_CODE:
            return RESTART_EXIT_CODE
        for process in processes:
            process.require_alive()
        return 0


def _greet(house: House) -> None:
    print(
        f"\n  Home Assistant  {house.home_assistant.url}"
        f"\n  login           {USERNAME} / {PASSWORD}"
        f"\n  Pico-Qwen       {house.server.url}/api/v1/health"
        f"\n  logs            {house.folder}/*.log\n",
        flush=True,
    )


def _show(sentence: str, answer: Answer) -> None:
    print(f"  you         {sentence}")
    print(f"  Pico-Qwen   {answer.text}")
    for call in map(str, answer.tool_calls or ("none",)):
        print(f"  tool call   {call}")
    for change in map(str, answer.changes or ("nothing",)):
        print(f"  changed     {change}")
    to_state = answer.first_change_ms
    changed = f"{to_state:.0f} ms to the changed state, " if to_state is not None else ""
    print(f"  time        {changed}{answer.ms:.0f} ms to the whole answer", flush=True)


if __name__ == "__main__":
    sys.exit(main())
