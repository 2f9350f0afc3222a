"""Which other systems there are to measure, and where the environment of each is."""

import os
import sys
from pathlib import Path
from typing import Final

from attrs import frozen

from actrio.benchmarks._record import cache_folder

_ADAPTERS: Final = Path(__file__).with_name("_adapters")

PROGRAM: Final = _ADAPTERS / "program.py"


@frozen
class Peer:
    """Another system.

    Attributes:
        name: As it is called on the package index.
        requirement: What is installed: one version, so that runs can be compared.
        python: The least version of Python it runs on.
        label: In names of rows, where its own is too long.
    """

    name: str
    requirement: str
    python: tuple[int, int] = (3, 11)
    label: str = ""

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


PEERS: Final = (
    Peer("autogen-core", "autogen-core==0.7.5"),
    Peer("pykka", "pykka==4.5.0"),
    Peer("thespian", "thespian==4.0.1"),
    Peer("xoscar", "xoscar==0.12.2"),
    Peer("triotp", "triotp==0.2.1"),
    Peer("everything-is-an-actor", "everything-is-an-actor==0.1.6", python=(3, 12), label="eiaa"),
)
