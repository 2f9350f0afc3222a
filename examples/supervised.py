"""A worker that crashes is restarted. Who asked gets the error; the ref goes on working.

Prints:
    12 / 4 = 3
    12 / 0: integer division or modulo by zero
    12 / 3 = 4
    1 restart
"""

import trio
from attrs import frozen

import actrio


@frozen
class Divide(actrio.Request[int]):
    """Asked: 12 divided by this."""

    by: int


class Divider(actrio.Actor):
    """Nobody has taught it that zero is special."""

    @actrio.handles
    async def divide(self, message: Divide) -> int:
        """Divide."""
        return 12 // message.by


async def main() -> None:
    """Divide by 4, by 0 and by 3."""
    async with actrio.open_runtime() as runtime:
        desk = await runtime.spawn(actrio.Supervisor("desk", children=[Divider]))
        divider = desk.child("divider")
        for number in (4, 0, 3):
            try:
                print(f"12 / {number} =", await divider.ask(Divide(number)))
            except ZeroDivisionError as error:
                print(f"12 / {number}: {error}")
        print(divider.metrics().restarts, "restart")


trio.run(main)
