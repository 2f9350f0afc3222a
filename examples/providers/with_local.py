"""The small model on this machine, which chooses one of three words: no key, no network, no server to set up.

Prints one of them:
    storm
    rain
    sunshine
"""

import json

import trio

from actrio.providers import JsonFormat, LocalProvider, ModelRequest, TextDelta, User

WEATHER = {
    "type": "object",
    "properties": {"weather": {"enum": ["storm", "rain", "sunshine"]}},
    "required": ["weather"],
    "additionalProperties": False,
}
REQUEST = ModelRequest([User("What is the weather at sea?")], response_format=JsonFormat(WEATHER), max_tokens=50)


async def main() -> None:
    """Ask, and read the answer."""
    async with LocalProvider().open() as connection, connection.stream(REQUEST) as stream:
        text = "".join([event.text async for event in stream if isinstance(event, TextDelta)])
    print(json.loads(text)["weather"])


trio.run(main)
