"""The notes the researcher has, and how it finds the right one: by counting words, no more."""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from importlib.resources import files
from typing import Final

from attrs import frozen

_WORD: Final = re.compile(r"[a-z0-9]+")
_IN_TITLE: Final = 5  # how many times a word in the title or the keywords counts
_COMMON: Final = frozenset(
    _WORD.findall(
        "a about after all an and are as at be been before by for from had has have how in into is it its no not of on "
        "one or so than that the their them they this to was were what when where which who why will with"
    )
)
_CLOSE: Final = 0.7  # how alike a mistyped word must be, of 1


def words(text: str) -> set[str]:
    """The words that carry meaning, in lower case and without a plural s, so that `bee` is found in `Bees`."""
    return {_stem(word) for word in _WORD.findall(text.lower()) if word not in _COMMON}


def _stem(word: str) -> str:
    if len(word) > 4 and word.endswith(("xes", "ches", "shes", "sses")):
        return word[:-2]
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def _as_title_words(note: "Note") -> set[str]:
    return words(f"{note.title} {' '.join(note.keywords)}")


@frozen
class Note:
    """One note: a title, keywords, facts."""

    file: str
    title: str
    keywords: tuple[str, ...]
    facts: tuple[str, ...]

    @property
    def topic(self) -> str:
        """The title as it stands inside a sentence."""
        return self.title[0].lower() + self.title[1:]

    def score(self, wanted: set[str]) -> int:
        """How well it fits: words in title or keywords count five times those in facts."""
        return _IN_TITLE * len(wanted & _as_title_words(self)) + len(wanted & words(" ".join(self.facts)))

    def ranked_facts(self, wanted: set[str]) -> tuple[str, ...]:
        """The facts, those with more of the words first, otherwise as they stand."""
        return tuple(sorted(self.facts, key=lambda fact: -len(wanted & words(fact))))


@frozen
class Choice:
    """A note for a topic. `instead_of` is the topic if no note has its words, but one has a word much like it."""

    note: Note
    instead_of: str | None = None


@frozen
class Corpus:
    """All the notes."""

    notes: tuple[Note, ...]

    @property
    def topics(self) -> tuple[str, ...]:
        """What there is a note about."""
        return tuple(note.title.removeprefix("The ").lower() for note in self.notes)

    def find(self, topic: str) -> Choice | None:
        """The note that fits a topic best, None if none does."""
        wanted = words(topic)
        best = max(self.notes, key=lambda note: note.score(wanted))
        if best.score(wanted):
            return Choice(best)
        known = {word: note for note in self.notes for word in _as_title_words(note)}
        for word in sorted(wanted):
            for near in get_close_matches(word, known, n=1, cutoff=_CLOSE):
                return Choice(known[near], instead_of=topic)
        return None


def load_corpus() -> Corpus:
    """Read the notes that come with the demo."""
    folder = files("actrio.demo") / "corpus"
    found = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".md")), key=lambda entry: entry.name)
    return Corpus(tuple(read_note(entry.name, entry.read_text("utf-8")) for entry in found))


def read_note(file: str, text: str) -> Note:
    """Read a note: `# Title`, `Keywords: a, b`, `- fact` lines."""
    lines = text.splitlines()
    keywords = next(line for line in lines if line.startswith("Keywords: ")).removeprefix("Keywords: ")
    facts = tuple(line.removeprefix("- ") for line in lines if line.startswith("- "))
    return Note(file, lines[0].removeprefix("# "), tuple(keywords.split(", ")), facts)


def nearest(text: str, candidates: Iterable[str]) -> str:
    """The candidate that shares the largest part of its words with a text."""
    said = words(text)
    return max(candidates, key=lambda candidate: len(said & words(candidate)) / max(1, len(words(candidate))))
