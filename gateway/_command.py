"""`actrio serve module:setup`: a program's agents, for browsers and other programs."""

import argparse
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from importlib import import_module
from typing import Any, Final

import trio

from actrio.actors import Runtime, open_runtime
from actrio.gateway._errors import InvalidGateway
from actrio.gateway._server import Gateway, serve

TOKEN: Final = "ACTRIO_TOKEN"  # noqa: S105 - the name of a variable


def main(arguments: Sequence[str]) -> int:
    """Serve until Ctrl-C; gives the exit status: 2 when it cannot be served so."""
    chosen = _parser().parse_args(arguments)
    try:
        setup = _find(chosen.setup)
        trio.run(partial(_serve, setup, chosen.host, chosen.port, chosen.origin))
    except (InvalidGateway, LookupError) as error:
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
    parser.add_argument("--port", type=int, default=8000, help="0 for a free one (8000)")
    parser.add_argument("--origin", action="append", default=[], help="a page that may connect; may be repeated")
    return parser


def _find(name: str) -> Callable[[Runtime], Awaitable[Any]]:
    module, colon, function = name.partition(":")
    if not module or not colon or not function:
        raise LookupError(f"{name!r} is not module:function")
    folder = str(os.curdir)
    if folder not in sys.path:
        sys.path.append(folder)  # last, so that nothing there stands in for a module of Python's own
    try:
        found: Callable[[Runtime], Awaitable[Any]] = getattr(import_module(module), function)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        raise LookupError(f"there is no module {module!r} here") from None
    except AttributeError:
        raise LookupError(f"module {module!r} has no {function!r}") from None
    return found


async def _serve(setup: Callable[[Runtime], Awaitable[Any]], host: str, port: int, origins: Sequence[str]) -> None:
    async with open_runtime() as runtime:
        await setup(runtime)
        token = os.environ.get(TOKEN) or None
        serving = partial(serve, runtime, host=host, port=port, authenticate=token, origins=origins)
        try:
            async with trio.open_nursery() as nursery:
                gateway: Gateway = await nursery.start(serving)
                sys.stdout.write(f"serving {gateway.url}, page at {gateway.url.replace('ws', 'http', 1)}/\n")
                sys.stdout.flush()
        except* InvalidGateway as group:
            refused = group
        else:
            return
    raise InvalidGateway(str(refused.exceptions[0]))
