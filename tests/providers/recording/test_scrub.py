from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actrio.providers import (
    Finished,
    LocalProvider,
    ModelEvent,
    Reasoning,
    ReasoningFinished,
    ScriptedProvider,
    TextDelta,
    ToolCallDelta,
    ToolCallFinished,
    ToolCallStarted,
)
from actrio.providers.policy import FallbackProvider, GovernedProvider
from actrio.providers.recording._scrub import Scrubber, known_secrets, spread

SECRET = "correct-horse-battery"


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        ("key sk-proj-abc_DEF-123 end", "key *** end"),
        ("key sk-ant-api03-abcdefgh.", "key ***."),
        ("AIza" + "x" * 35, "***"),
        ("gsk_abcdefghijklmnop hf_abcdefghijklmnop", "*** ***"),
        ("Authorization: Bearer abc.def-ghi_jkl=", "Authorization: Bearer ***"),
        ("authorization: basic dXNlcjpwYXNz", "authorization: basic ***"),
        (f"{SECRET}{SECRET}!", "******!"),
        ("it breaks off: correct-ho", "it breaks off: ***"),
        ("it breaks off: correct", "it breaks off: correct"),
        (
            "The bearer of bad news, a task-list, risk-averse, sk-1",
            "The bearer of bad news, a task-list, risk-averse, sk-1",
        ),
    ],
)
def test_what_looks_like_a_key_or_is_known_to_be_one_is_hidden(text: str, scrubbed: str) -> None:
    assert Scrubber([SECRET]).text(text) == scrubbed


def test_texts_under_the_name_of_a_secret_are_hidden_wholly() -> None:
    data = {
        "X-Api-Key": "a", "openai_api_key": "b", "Authorization": "c", "access_token": "d", "Set-Cookie": "e",
        "password": "f", "aws_secret_access_key": "j", "private_key": "k",
        "max_tokens": 5, "token_budget": "g", "list": [{"client_secret": "h"}], "secretary": "i",
    }  # fmt: skip

    scrubbed = Scrubber().data(data)

    shown = {name: value for name, value in scrubbed.items() if value != "***"}
    assert shown == {"max_tokens": 5, "token_budget": "g", "list": [{"client_secret": "***"}], "secretary": "i"}


@given(st.lists(st.text("ab-", max_size=6), min_size=1, max_size=5), st.lists(st.integers(0)), st.booleans())
def test_a_secret_is_hidden_however_the_text_around_it_is_cut(
    around: list[str], places: list[int], thinking: bool
) -> None:
    text = SECRET.join(around)
    at = sorted({place % (len(text) + 1) for place in places} | {0, len(text)})
    pieces = [text[start:end] for start, end in pairwise(at)]
    answer: list[tuple[float, ModelEvent]] = [(float(n), TextDelta(piece)) for n, piece in enumerate(pieces)]

    scrubbed = Scrubber([SECRET]).answer(answer)

    texts = [event.text for _, event in scrubbed if isinstance(event, TextDelta)]
    assert "".join(texts) == "***".join(around)
    assert all(texts)
    assert [at for at, _ in scrubbed] == sorted(at for at, _ in scrubbed)


@given(st.lists(st.text("ab", min_size=1), min_size=1), st.text("ab"))
def test_a_text_is_spread_over_as_many_pieces_and_what_did_not_change_stays(pieces: list[str], text: str) -> None:
    spread_out = spread(pieces, text)

    assert len(spread_out) == len(pieces)
    assert "".join(spread_out) == text
    assert spread(pieces, "".join(pieces)) == pieces


def test_texts_that_alternate_are_each_their_own() -> None:
    half, other = SECRET[:9], SECRET[9:]
    answer: list[tuple[float, ModelEvent]] = [
        (0, ToolCallStarted("1", "a")),
        (1, ToolCallDelta("1", f'"{half}')),
        (2, TextDelta("in between")),
        (3, ToolCallDelta("2", half)),
        (4, ToolCallDelta("1", f'{other}"')),
        (5, ToolCallFinished("1", "a", f'"{SECRET}"')),
        (6, ReasoningFinished(Reasoning(f"It is {SECRET}.", origin="o", token="t"))),
        (7, Finished("stop", SECRET)),
    ]

    assert [event for _, event in Scrubber([SECRET]).answer(answer)] == [
        ToolCallStarted("1", "a"),
        ToolCallDelta("1", '"***'),
        TextDelta("in between"),
        ToolCallDelta("2", "***"),
        ToolCallDelta("1", '"'),
        ToolCallFinished("1", "a", '"***"'),
        ReasoningFinished(Reasoning("It is ***.", origin="o", token="t")),
        Finished("stop", "***"),
    ]


def test_known_are_the_providers_key_its_clients_and_those_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    class Client:
        api_key = "client-key-1"
        auth_token = "client-token-1"
        aws_secret_key = "client-secret-1"

    class Keyed:
        api_key = "own-key-123"
        client = Client()

    class Wrapped(ScriptedProvider):
        api_key = "wrapped-key-1"

    wrapper = GovernedProvider(FallbackProvider(ScriptedProvider(), Wrapped()))
    monkeypatch.setenv("SOMEBODYS_API_KEY", "env-key-123")
    monkeypatch.setenv("LOCAL_API_KEY", "none")

    assert {"client-key-1", "client-token-1", "client-secret-1", "own-key-123", "env-key-123"} <= set(
        known_secrets(Keyed())
    )
    assert "wrapped-key-1" in known_secrets(wrapper)
    assert "none" not in known_secrets(LocalProvider())
