"""Fixtures that the tests of this folder share."""

from typing import Any

import pytest

from actrio.mailbox import Codec, Inbox
from tests.mailbox.orders import make_codec


@pytest.fixture
def ada() -> Inbox[Any]:
    return Inbox("ada", owner="ref of ada")


@pytest.fixture
def codec() -> Codec:
    return make_codec()
