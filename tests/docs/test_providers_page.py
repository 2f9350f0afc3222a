"""The tables of the page on providers hold what the code has."""

import re
from pathlib import Path

import attrs
import pytest

from actrio import providers
from actrio.providers import Limits, ProviderError, Retry, Timeouts
from actrio.providers._names import KNOWN_PREFIXES

PAGE = (Path(__file__).parents[2] / "docs" / "providers.md").read_text(encoding="utf-8")


def rows_after(heading: str) -> list[str]:
    """The first column of the tables under a heading."""
    section = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return [cells[1].strip() for line in section.splitlines() if len(cells := line.split("|")) > 2]


def test_every_error_of_a_provider_is_explained() -> None:
    explained = {row.strip("`") for row in rows_after("Errors")} - {"error", "---"}
    public = [getattr(providers, name) for name in providers.__all__]
    errors = {error.__name__ for error in public if isinstance(error, type) and issubclass(error, ProviderError)}
    assert explained == errors - {"ProviderError"}


@pytest.mark.parametrize("policy", [Retry, Limits, Timeouts])
def test_every_setting_of_a_policy_is_shown_with_its_default(policy: type) -> None:
    def shown(default: object) -> str:
        return getattr(default, "__name__", repr(default))

    settings = ", ".join(f"{field.name}={shown(field.default)}" for field in attrs.fields(policy))
    assert f"`{policy.__name__}({settings})`" in rows_after("Retry, limits, time-outs")


def test_every_prefix_of_a_name_is_shown() -> None:
    shown = {match[1] for row in rows_after("Names") if (match := re.match(r"`([\w-]+):", row))}
    assert shown == set(KNOWN_PREFIXES)
