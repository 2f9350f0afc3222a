from pathlib import Path

import pytest

from actrio.providers import Image, Reasoning, Text, User

PNG = b"\x89PNG\r\n\x1a\n rest"


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0 rest", "image/jpeg"),
        (b"GIF89a rest", "image/gif"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
    ],
)
def test_what_an_image_is_can_be_seen_from_its_bytes(data: bytes, media_type: str) -> None:
    assert Image(data).media_type == media_type


def test_bytes_nobody_knows_need_a_media_type() -> None:
    with pytest.raises(ValueError, match=r"b'II\*\\x00'.* Image\(data, 'image/tiff'\)"):
        Image(b"II*\x00")
    assert Image(b"II*\x00", "image/tiff").url == "data:image/tiff;base64,SUkqAA=="


def test_an_image_is_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(PNG)

    assert Image.read(file, detail="low") == Image(PNG, "image/png", detail="low")


def test_an_address_that_is_a_file_is_refused_with_the_way_out() -> None:
    with pytest.raises(ValueError, match=r"not as 'cat\.png'\. For a file, use Image\.read"):
        Image("cat.png")
    assert Image("https://example.org/cat.png").url == "https://example.org/cat.png"


def test_an_image_does_not_print_its_bytes() -> None:
    assert repr(Image(PNG)) == "Image(source=<13 bytes>, media_type='image/png', detail=None)"


def test_a_message_takes_a_text_a_part_or_texts_and_parts() -> None:
    image = Image(PNG)

    assert User("a").content == "a"
    assert User(image).content == (image,)
    assert User(["a", image, Text("b")]).content == (Text("a"), image, Text("b"))


def test_the_text_of_a_message_leaves_the_images_out() -> None:
    assert User("a").text == "a"
    assert User(["a", Image(PNG), "b"]).text == "ab"


def test_what_a_provider_wants_back_is_not_printed() -> None:
    assert "sealed" not in repr(Reasoning("hm", origin="x", token="sealed"))
