"""An ask of an actor that comes from a host: the commonest call, and one for which no task need wait."""

from math import inf
from typing import Final

from actrio.actors import Runtime
from actrio.actors._current import opened
from actrio.actors._ref import asked_inbox
from actrio.hosts._call import Call
from actrio.mailbox import ActorStopped, MailboxFull, ask_then

_SETTINGS: Final = frozenset({"detached"})


def begin_ask(call: Call, runtime: Runtime | None) -> bool:
    """Begin it, if it is an ask that can be sent at once; when that ends, the call is finished.

    False, and nothing is done, of what a task has to run: any other function, an ask with a deadline, one that was
    given up before it began, and one that has to wait for room.
    """
    inbox = asked_inbox(call.function)
    if inbox is None or call.unwanted or call.deadline != inf or len(call.args) != 1 or call.kwargs.keys() - _SETTINGS:
        return False
    call.context.run(opened.set, runtime)
    try:
        call.asked = ask_then(inbox, call.args[0], call.finish, call.context, **call.kwargs)
    except (ActorStopped, MailboxFull) as error:
        call.finish(error=error)
        return True
    return call.asked is not None
