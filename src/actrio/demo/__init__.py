"""`actrio demo`: three specialist agents write a short article together, on the embedded model.

- `_messages`: what they say to one another. `_team`: who they are.
- `_corpus`: the notes the researcher has, in `corpus/*.md`.
- `_stage`: what is seen while they work. `_report`: the tables at the end.
"""

import sys
from typing import Final

import trio
from rich.console import Console
from rich.text import Text

from actrio._terminal import Flow, make_console, on_interrupt
from actrio.actors import Runtime, open_runtime
from actrio.demo._corpus import Choice, Corpus, load_corpus
from actrio.demo._messages import Article, Commission
from actrio.demo._report import duration, report
from actrio.demo._stage import Stage
from actrio.demo._team import assemble
from actrio.mailbox import ActrioError
from actrio.providers import LocalProvider, Provider

__all__ = ["main", "play"]

DEFAULT_TOPIC: Final = "bees"
INTERRUPTED: Final = 130


def main(topic: str | None, crash: bool) -> int:
    """Run the demo on the embedded model; gives the exit status.

    0: the article is there and every message accounted for. 1: the model failed, or a message is not accounted for.
    2: there is no note about the topic. 130: Ctrl-C.
    """
    console = make_console()
    corpus = load_corpus()
    choice = corpus.find(topic or DEFAULT_TOPIC)
    if choice is None:
        print(f"There is no note about {topic!r}. There are: {', '.join(corpus.topics)}.", file=sys.stderr)
        return 2
    wanted = choice.note.topic if choice.instead_of else topic or DEFAULT_TOPIC
    _introduce(console, choice, wanted)
    return trio.run(_play_until_interrupt, LocalProvider(), console, corpus, wanted, crash)


def _introduce(console: Console, choice: Choice, topic: str) -> None:
    if choice.instead_of is not None:
        _write(console, f"There is no note about {choice.instead_of!r}; the nearest is {choice.note.title}.", "yellow")
    _write(
        console,
        f"A researcher, a writer and an editor make a short article about {topic}: three actors under a supervisor, "
        "each with agents of its own. The researcher's uses a tool, the editor's answers in JSON. Their model is small "
        "(135 million parameters) and runs on this machine: it is quick, and not always right.",
    )
    console.print()


async def _play_until_interrupt(model: Provider, console: Console, corpus: Corpus, topic: str, crash: bool) -> int:
    status = INTERRUPTED
    async with trio.open_nursery() as nursery:
        with on_interrupt(nursery, nursery.cancel_scope.cancel):
            status = await play(model, console, corpus, topic, crash=crash)
        nursery.cancel_scope.cancel()
    if status == INTERRUPTED:
        console.print("Stopped.")
    return status


async def play(model: Provider, console: Console, corpus: Corpus, topic: str, *, crash: bool) -> int:
    """Have the team write about a topic there is a note about, on any model; gives the exit status.

    0, or 1 if the model failed, which is shown, or a message is not accounted for. Cancelling it stops the team and
    closes the model's streams first.
    """
    stage, status = Stage(console), 1
    async with open_runtime() as runtime:
        with runtime.events() as events:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(stage.follow, events, runtime)
                try:
                    status = await _perform(runtime, stage, model, corpus, topic, crash=crash)
                except ActrioError as error:
                    console.print(Text(str(error), style="red"), soft_wrap=True)
                nursery.cancel_scope.cancel()
    return status


async def _perform(runtime: Runtime, stage: Stage, model: Provider, corpus: Corpus, topic: str, *, crash: bool) -> int:
    console, began = stage.console, trio.current_time()
    # Opened here already: agents share a model of the same key, and an error of it is not one of theirs.
    await runtime.share(model, model.open)
    loaded = trio.current_time()
    article = await _commission(runtime, stage, model, corpus, topic, crash=crash)
    done = trio.current_time()
    _show_article(console, article)
    times = f"Loading the model took {duration(loaded - began)}, the article {duration(done - loaded)}"
    _write(console, f"{times}: {sum(stage.tokens.values())} tokens.", "dim")
    console.print()
    return 0 if report(console, runtime.metrics(), stage.tokens) else 1


async def _commission(
    runtime: Runtime, stage: Stage, model: Provider, corpus: Corpus, topic: str, *, crash: bool
) -> Article:
    _, editor = await assemble(runtime, stage, model, corpus, crash=crash)
    message = Commission(topic)
    stage.show_message("you", editor.name, message)
    article = await editor.ask(message)
    stage.show_message(editor.name, "you", article)
    return article


def _show_article(console: Console, article: Article) -> None:
    console.print()
    console.print(Text(article.title, style="bold"))
    _write(console, article.text)
    console.print()


def _write(console: Console, text: str, style: str = "") -> None:
    flow = Flow(console, style=style)
    flow.add(text)
    flow.end()
