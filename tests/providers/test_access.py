import pytest

from actrio.providers import AuthenticationFailed
from actrio.providers._access import clean_key, show_address


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        (None, "None"),
        ("http://127.0.0.1:1/v1", "'http://127.0.0.1:1/v1'"),
        ("https://me:pass@host/a@b", "'https://***@host/a@b'"),
        ("https://token@host", "'https://***@host'"),
        ("https://host/a@b", "'https://host/a@b'"),
    ],
)
def test_an_address_is_shown_without_user_and_password(address: str | None, shown: str) -> None:
    assert show_address(address) == shown


@pytest.mark.parametrize(("said", "key"), [(None, ""), ("", ""), (" \n", ""), (" sk-a b\r\n", "sk-a b")])
def test_a_key_is_taken_without_the_space_around_it(said: str | None, key: str) -> None:
    assert clean_key("desk", said) == key


@pytest.mark.parametrize("said", ["ключ", "a\nb", "a\x00b", "a\u200b"])
def test_what_no_header_can_have_is_no_key_and_is_not_shown(said: str) -> None:
    with pytest.raises(AuthenticationFailed, match="no key has") as caught:
        clean_key("desk", said)
    assert said not in str(caught.value)
