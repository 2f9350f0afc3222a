"""The researcher, the writer and the editor: an actor each, with an agent each that speaks for it."""

from typing import Annotated, Any, Final, TypeVar

from attrs import frozen
from msgspec import Meta

from actrio.actors import Actor, ActorRef, Runtime, Supervisor, SupervisorRef, handles
from actrio.agents import Agent, AgentRef, AnswerInvalid, Reply, ToolError, TurnError, tool
from actrio.demo._corpus import Corpus, Note, nearest, words
from actrio.demo._messages import Article, Commission, Draft, Fact, Findings, OneMore, Research, Rewrite, Write
from actrio.demo._stage import Stage
from actrio.mailbox import Request
from actrio.providers import Assistant, Message, Provider, ProviderError, User, UseTool

R = TypeVar("R")

FACTS_FOUND: Final = 2  # the writer asks for one more
ENOUGH: Final = 0.75  # the part of a draft's words that must come from the facts, and of theirs that must be in it
CRASH_AFTER: Final = 12  # pieces of text

# A small model follows an example better than an instruction.
EXAMPLES: Final[tuple[Message, ...]] = (
    User("A text about snow: No two snowflakes are alike, as each falls its own way."),
    Assistant('{"title": "The Many Shapes of Snow"}'),
    User("A text about owls: An owl flies without a sound, for its feathers are soft."),
    Assistant('{"title": "The Silent Flight of Owls"}'),
)

# The model's failure is an answer to who asked, all the way up: none of the three could do better after a restart.
EXPECTED: Final = (ProviderError, TurnError)


@frozen
class Title:
    """What the editor's agent answers with: the model is held to JSON of this form."""

    title: Annotated[str, Meta(min_length=3, max_length=48)]


class PenBroke(Exception):
    """The crash on purpose. No handler declares it, so it ends the writer's instance."""


class Fault:
    """A mistake that is made at most once: it is outside the actor, whose own state a restart begins afresh."""

    def __init__(self, *, armed: bool) -> None:
        self._armed = armed

    def strike(self) -> None:
        """Raises: PenBroke, the first time, if armed."""
        if self._armed:
            self._armed = False
            raise PenBroke("the pen broke in the middle of a sentence")


class Specialist(Actor):
    """One of the three. Its agent is its child: started and ended with each instance of it."""

    def __init__(self, stage: Stage, agent: Agent[Any]) -> None:
        self._stage = stage
        self._definition = agent

    async def started(self) -> None:
        """Spawn the agent."""
        self._agent: AgentRef[Any] = await self.ctx.spawn(self._definition)

    async def consult(self, colleague: ActorRef[Any], message: Request[R]) -> R:
        """Ask a colleague, so that it is seen."""
        self._stage.show_message(self.ctx.ref.name, colleague.name, message)
        reply = await colleague.ask(message)
        self._stage.show_message(colleague.name, self.ctx.ref.name, reply)
        return reply

    async def say(self, prompt: str, fault: Fault | None = None, *, close: str = "") -> Reply[Any]:
        """Have the agent answer, shown word by word as it comes; `close` is what to show after a word at its end."""
        async with self._agent.run(prompt) as turn:
            with self._stage.speech(self.ctx.ref.name) as speech:
                async for piece in turn.text():
                    speech.add(piece)
                    if fault is not None and speech.pieces >= CRASH_AFTER:
                        fault.strike()
                reply = await turn.result()
                speech.tokens = reply.usage.output_tokens
                if reply.text[-1:].isalnum():
                    speech.close(close)
        if fault is not None:
            fault.strike()
        return reply


class Researcher(Specialist):
    """Has one agent search the notes, by a tool, and another say which fact is the most surprising."""

    def __init__(self, stage: Stage, agent: Agent[Any], corpus: Corpus) -> None:
        super().__init__(stage, agent)
        self._corpus = corpus

    async def started(self) -> None:
        """Spawn both agents."""
        await super().started()
        self._finder: AgentRef = await self.ctx.spawn(
            Agent(
                "finder",
                self._definition.model,
                "You are a researcher. You search the notes.",
                tools=[self.search],
                tool_choice=UseTool("search"),
                max_tokens=60,
                temperature=0.0,
                seed=1,
            )
        )

    @tool
    async def search(self, topic: str) -> str:
        """Search the notes.

        Args:
            topic: What to search for, in one or two words.
        """
        choice = self._corpus.find(topic)
        if choice is None:
            raise ToolError(f"There is no note about {topic}.")
        return choice.note.file

    @handles(raises=EXPECTED)
    async def research(self, message: Research) -> Findings:
        """Find the note and the facts. What the agent says decides which of them leads."""
        note = await self._find(message.topic)
        facts = note.ranked_facts(words(message.topic))[: FACTS_FOUND + 1]
        listed = "\n".join(f"- {fact}" for fact in facts)
        said = await self.say(f"{listed}\n\nWhich of these facts is the most surprising?", close=".")
        lead = nearest(said.text, facts)
        others = [fact for fact in facts if fact != lead]
        return Findings(note.topic, note.file, (lead, *others)[:FACTS_FOUND])

    @handles
    async def one_more(self, message: OneMore) -> Fact:
        """The best fact that is not known yet."""
        facts = self._note(message.topic).ranked_facts(words(message.topic))
        return Fact(next(fact for fact in facts if fact not in message.known))

    async def _find(self, topic: str) -> Note:
        """The note that the model finds, if it is the one that fits."""
        # One step: it is for the call of the tool, and no word of the model is wanted after it.
        work = await self._finder.work(f"What do the notes say about {topic}?", result=str, max_steps=1)
        name, note = self.ctx.ref.name, self._note(topic)
        self._stage.count_tokens(name, work.reply.usage.output_tokens)
        for use in work.reply.tool_uses:
            self._stage.show_use(name, use)
        if not any(use.value == note.file for use in work.reply.tool_uses):
            self._stage.remark(name, f"that is not it; {note.file} has more of the words")
        return note

    def _note(self, topic: str) -> Note:
        choice = self._corpus.find(topic)
        assert choice is not None, "the editor is asked only for topics that there is a note about"
        return choice.note


class Writer(Specialist):
    """Turns facts into a paragraph."""

    def __init__(self, stage: Stage, agent: Agent[Any], researcher: ActorRef[Any], fault: Fault) -> None:
        super().__init__(stage, agent)
        self._researcher = researcher
        self._fault = fault

    @handles(raises=EXPECTED)
    async def write(self, message: Write) -> Draft:
        """A first draft. It asks the researcher for one fact more."""
        found = message.findings
        more = await self.consult(self._researcher, OneMore(found.topic, found.facts))
        facts = (*found.facts, more.text)
        prompt = f"Rewrite these notes as one short, friendly paragraph about {found.topic}:\n\n{' '.join(facts)}"
        reply = await self.say(prompt, self._fault)
        return Draft(reply.text.strip(), facts)

    @handles(raises=EXPECTED)
    async def rewrite(self, message: Rewrite) -> Draft:
        """Another draft, closer to the facts."""
        listed = "\n".join(f"- {fact}" for fact in message.draft.facts)
        prompt = f"Join these sentences into one paragraph about {message.topic}:\n{listed}"
        reply = await self.say(prompt)
        return Draft(reply.text.strip(), message.draft.facts)


class Editor(Specialist):
    """Has an article made: asks the two others, checks what they say against the facts, finds the title."""

    def __init__(self, stage: Stage, agent: Agent[Any], researcher: ActorRef[Any], writer: ActorRef[Any]) -> None:
        super().__init__(stage, agent)
        self._researcher = researcher
        self._writer = writer

    @handles(raises=EXPECTED)
    async def make_article(self, message: Commission) -> Article:
        """From the topic to the article."""
        findings = await self.consult(self._researcher, Research(message.topic))
        draft = await self.consult(self._writer, Write(findings))
        if (problem := fault_of(draft)) is not None:
            draft = await self.consult(self._writer, Rewrite(findings.topic, draft, problem))
        text = draft.text
        if (problem := fault_of(draft)) is not None:
            self._stage.remark(self.ctx.ref.name, f"{problem}, again; I print the researcher's facts as they are")
            text = " ".join(draft.facts)
        return Article(await self._title(findings), text)

    async def _title(self, findings: Findings) -> str:
        """What the agent answers, a `Title`; the topic if it does not get that right."""
        asked = (*EXAMPLES, User(f"A text about {findings.topic}: {findings.facts[0]}"))
        try:
            async with self._agent.run(asked) as turn:
                with self._stage.speech(self.ctx.ref.name) as speech:
                    async for update in turn.fields():
                        speech.add(update.delta)
                    reply = await turn.result()
                    speech.tokens = reply.usage.output_tokens
        except AnswerInvalid:
            self._stage.remark(self.ctx.ref.name, "that is no title; I take the topic")
            return findings.topic[0].upper() + findings.topic[1:]
        title: Title = reply.data
        return title.title


def fault_of(draft: Draft) -> str | None:
    """What is wrong with a draft, measured in words; None if it is good enough."""
    said, known = words(draft.text), words(" ".join(draft.facts))
    if not said or len(said & known) / len(said) < ENOUGH:
        return "the draft says what no fact says"
    if len(said & known) / len(known) < ENOUGH:
        return "the draft leaves facts out"
    return None


def _agent(model: Provider, instructions: str, max_tokens: int, *stop: str) -> Agent:
    # A small model at temperature 0 keeps to the facts, and says the same each time.
    return Agent("model", model, instructions, max_tokens=max_tokens, temperature=0.0, seed=1, stop=stop)


async def assemble(
    runtime: Runtime, stage: Stage, model: Provider, corpus: Corpus, *, crash: bool
) -> tuple[SupervisorRef, ActorRef[Any]]:
    """Spawn the three under one supervisor; gives it and the editor.

    The writer has ``redeliver``: what it was working on when it crashed is delivered again to its next instance, and
    who asked goes on waiting.
    """
    desk = await runtime.spawn(Supervisor("desk"))
    finds = _agent(model, "You are a researcher. You answer in one short sentence.", 45, "\n", ". ", ", which", ", but")
    writes = _agent(model, "You are a writer. You turn notes into one short, friendly paragraph.", 110, "\n\n")
    titles = "You are an editor. You give texts short titles."
    edits = Agent("model", model, titles, output=Title, max_tokens=60, temperature=0.0, seed=1)
    researcher = await desk.spawn(Researcher, stage, finds, corpus, name="researcher", restart="permanent")
    writer = await desk.spawn(
        Writer, stage, writes, researcher, Fault(armed=crash), name="writer", restart="permanent", redeliver=True
    )
    editor = await desk.spawn(Editor, stage, edits, researcher, writer, name="editor", restart="permanent")
    return desk, editor
