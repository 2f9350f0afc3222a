import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actrio.providers import Image
from actrio.providers.wire._image_data import ImageData, image_data


@given(st.binary())
def test_bytes_and_a_data_address_of_them_are_the_same_data(content: bytes) -> None:
    image = Image(content, "image/png")
    encoded = base64.b64encode(content).decode()

    assert image_data(image) == ImageData("image/png", encoded)
    assert image_data(Image(image.url)) == ImageData("image/png", encoded)


def test_a_data_address_may_be_percent_encoded_and_have_parameters() -> None:
    assert image_data(Image("data:image/svg+xml;charset=utf-8,%3Csvg/%3E")) == ImageData(
        "image/svg+xml", base64.b64encode(b"<svg/>").decode()
    )


def test_the_media_type_that_the_image_says_goes_before_that_of_its_address() -> None:
    assert image_data(Image("data:;base64,AAAA", "image/webp")) == ImageData("image/webp", "AAAA")


@pytest.mark.parametrize("address", ["https://example.com/a.png", "http://example.com/a.png"])
def test_an_address_to_fetch_has_no_data(address: str) -> None:
    assert image_data(Image(address)) is None


def test_a_data_address_without_data_is_refused() -> None:
    with pytest.raises(ValueError, match="has no data: 'data:image/png;base64'"):
        image_data(Image("data:image/png;base64"))
