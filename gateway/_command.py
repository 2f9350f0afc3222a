"""`actrio serve module:setup`: a program's agents, for browsers and other programs."""

import argparse
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from importlib import import_module
from inspect import iscoroutinefunction, unwrap
from typing import Any, Final

import trio

from actrio.actors import Runtime, open_runtime
from actrio.gateway._access import is_loopback
from actrio.gateway._errors import InvalidGateway
from actrio.gateway._server import Gateway, serve

TOKEN: Final = "ACTRIO_TOKEN"  # noqa: S105 - the name of a variable


class NotServed(Exception):
    """What the command was told cannot be served; the text is all there is to say."""


def main(arguments: Sequence[str]) -> int:
    """Serve until Ctrl-C or SIGTERM; gives the exit status: 2 when it cannot be served so."""
    chosen = _parser().parse_args(arguments)
    try:
        setup = _find(chosen.setup)
        token = _token_for(chosen.host)
        trio.run(partial(_serve, setup, chosen.host, chosen.port, token, chosen.origin))
    except (InvalidGateway, NotServed) as error:
        sys.stderr.write(f"actrio serve: {error.args[0]}\n")
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="actrio serve",
        description="Serve agents over WebSocket, with a page for browsers.",
        epilog=f"With a token in the environment variable {TOKEN} clients have to give it; any other address than "
        f"loopback needs one.",
    )
    parser.add_argument("setup", metavar="module:function", help="async def function(runtime), which spawns the agents")
    parser.add_argument("--host", default="127.0.0.1", help="where to listen (127.0.0.1)")
    parser.add_argument("--port", type=_port, default=8000, help="0 for a free one (8000)")
    parser.add_argument("--origin", action="append", default=[], help="a page that may connect; may be repeated")
    return parser


def _port(text: str) -> int:
    if text.isdecimal() and int(text) < 65_536:
        return int(text)
    raise argparse.ArgumentTypeError(f"must be a whole number from 0 to 65535, not {text}")


def _find(name: str) -> Callable[[Runtime], Awaitable[Any]]:
    module, colon, function = name.partition(":")
    if not module or not colon or not function:
        raise NotServed(f"{name!r} is not module:function")
    folder = str(os.curdir)
    if folder not in sys.path:
        sys.path.append(folder)  # last, so that nothing there stands in for a module of Python's own
    try:
        found: Callable[[Runtime], Awaitable[Any]] = getattr(import_module(module), function)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        raise NotServed(f"there is no module {module!r} here") from None
    except AttributeError:
        raise NotServed(f"module {module!r} has no {function!r}") from None
    if not iscoroutinefunction(unwrap(found) if callable(found) else found):
        raise NotServed(f"{name} must be `async def {function}(runtime)`, which spawns the agents")
    return found


async def _stop_when_told(gateway: Gateway) -> None:
    """What ends a service sends SIGTERM: clients are told, and actors stop, as when a program is left."""
    with trio.open_signal_receiver(signal.SIGTERM) as signals:
        await anext(aiter(signals))
        gateway.stop()


def _token_for(host: str) -> str | None:
    token = os.environ.get(TOKEN) or None
    if token is None and not is_loopback(host):
        raise NotServed(f"--host {host} can be reached from other machines: set {TOKEN} to a token that clients give")
    return token


async def _serve(
    setup: Callable[[Runtime], Awaitable[Any]], host: str, port: int, token: str | None, origins: Sequence[str]
) -> None:
    async with open_runtime() as runtime:
        await setup(runtime)
        serving = partial(serve, runtime, host=host, port=port, authenticate=token, origins=origins)
        try:
            async with trio.open_nursery() as nursery:
                gateway: Gateway = await nursery.start(serving)
                sys.stdout.write(f"serving {gateway.url}, page at {gateway.url.replace('ws', 'http', 1)}/\n")
                sys.stdout.flush()
                nursery.start_soon(_stop_when_told, gateway)
        except* InvalidGateway as group:
            refused = str(group.exceptions[0])
        except* OSError as group:
            refused = f"{host}:{port}: {group.exceptions[0]}. Choose another --port; 0 takes a free one"
        else:
            return
    raise NotServed(refused)
