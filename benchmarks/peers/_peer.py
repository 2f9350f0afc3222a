"""Which other systems there are to measure, and where the environment of each is."""

import os
import sys
from pathlib import Path
from typing import Final, Literal

from attrs import field, frozen

from actrio.benchmarks._record import cache_folder

_ADAPTERS: Final = Path(__file__).with_name("_adapters")

PROGRAM: Final = _ADAPTERS / "program.py"

# One version in all environments of agents that use it, as its cost is part of theirs.
_OPENAI: Final = "openai==3.54.0"


@frozen
class Peer:
    """Another system.

    Attributes:
        name: As it is called on the package index.
        requirement: What is installed: one version, so that runs can be compared.
        also: What else is, such as the part of it that talks to models.
        does: What it is measured at.
        by_hand: Whether it is no library of agents: the adapter has the loop that such a library would have.
        quick: Whether `--quick` measures it, which is to take less than a minute with all of them.
        python: The least version of Python it runs on.
        label: In names of rows, where its own is too long.
    """

    name: str
    requirement: str
    also: tuple[str, ...] = ()
    does: Literal["actors", "agents"] = field(default="actors", kw_only=True)
    by_hand: bool = field(default=False, kw_only=True)
    quick: bool = field(default=True, kw_only=True)
    python: tuple[int, int] = field(default=(3, 11), kw_only=True)
    label: str = field(default="", kw_only=True)

    @property
    def requirements(self) -> tuple[str, ...]:
        """All that is installed."""
        return (self.requirement, *self.also)

    @property
    def row_label(self) -> str:
        """What its rows end with."""
        return self.label or self.name

    @property
    def adapter(self) -> Path:
        """The program that does the work with it."""
        return _ADAPTERS / f"{self.name.replace('-', '_')}.py"

    @property
    def environment(self) -> Path:
        """Its virtual environment, whether there is one or not."""
        return cache_folder("peers") / self.name

    @property
    def interpreter(self) -> Path:
        """Of that environment."""
        windows = sys.platform == "win32"
        return self.environment / ("Scripts/python.exe" if windows else "bin/python")

    @property
    def installed(self) -> bool:
        """Whether its environment was made to the end."""
        return self.stamp.is_file() and os.access(self.interpreter, os.X_OK)

    @property
    def stamp(self) -> Path:
        """Written when all is installed: what."""
        return self.environment / "installed.txt"


ACTORS: Final = (
    Peer("autogen-core", "autogen-core==0.7.5"),
    Peer("pykka", "pykka==4.5.0"),
    Peer("thespian", "thespian==4.0.1"),
    Peer("xoscar", "xoscar==0.12.2"),
    Peer("triotp", "triotp==0.2.1"),
    Peer("everything-is-an-actor", "everything-is-an-actor==0.1.6", python=(3, 12), label="eiaa"),
    Peer("casty", "casty==0.30.2", python=(3, 12)),
    Peer("ray", "ray==2.60.0", quick=False),
)

AGENTS: Final = (
    Peer("openai", _OPENAI, does="agents", by_hand=True),
    Peer("openai-agents", "openai-agents==0.24.0", (_OPENAI,), does="agents", quick=False),
    Peer("pydantic-ai", "pydantic-ai-slim[openai]==2.68.0", (_OPENAI,), does="agents", quick=False),
    Peer(
        "autogen-agentchat",
        "autogen-agentchat==0.7.5",
        ("autogen-ext[openai]==0.7.5", _OPENAI),
        does="agents",
        label="agentchat",
    ),
    Peer("langgraph", "langgraph==1.2.22", ("langchain-openai==1.7.3", _OPENAI), does="agents"),
    Peer(
        "agent-framework",
        "agent-framework-core==1.23.0",
        ("agent-framework-openai==1.17.0", _OPENAI),
        does="agents",
        quick=False,
    ),
    Peer("agently", "agently==4.1.4.10", does="agents", quick=False),
)

PEERS: Final = (*ACTORS, *AGENTS)
