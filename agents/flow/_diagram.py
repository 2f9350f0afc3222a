"""A flow as a picture, in Mermaid's language. Pure."""

from collections.abc import Iterable

from actrio.agents.flow._reaction import Handler


def draw(handlers: Iterable[Handler]) -> str:
    """Signals as rounded boxes, handlers as square ones, joins as circles."""
    handlers = tuple(handlers)
    signals = dict.fromkeys(kind for one in handlers for kind in (*one.trigger.kinds, *one.emits))
    names = {kind: f"s{at}" for at, kind in enumerate(signals)}
    lines = ["flowchart LR", *(f"    {name}([{kind.__name__}])" for kind, name in names.items())]
    for at, handler in enumerate(handlers):
        trigger, name = handler.trigger, f"h{at}"
        lines.append(f"    {name}[{handler.name}]")
        into = name
        if trigger.how == "all":
            into = f"j{at}"
            lines += [f"    {into}((all))", f"    {into} --> {name}"]
        arrow = f"-- {trigger.count} of -->" if trigger.how == "collect" else "-->"
        lines += [f"    {names[kind]} {arrow} {into}" for kind in trigger.kinds]
        lines += [f"    {name} --> {names[kind]}" for kind in handler.emits]
    return "\n".join(lines) + "\n"
