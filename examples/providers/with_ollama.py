"""An answer in JSON from a model of an Ollama server: OLLAMA_HOST says which.

Prints, if the model says so:
    a cod is 80 cm long
"""

import json

import trio

from actrio.providers import JsonFormat, ModelRequest, OllamaProvider, TextDelta, User

FISH = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "length_cm": {"type": "integer"}},
    "required": ["name", "length_cm"],
}
REQUEST = ModelRequest([User("Name a fish of the North Sea.")], response_format=JsonFormat(FISH))


async def main() -> None:
    """Ask, and read the answer."""
    async with OllamaProvider("llama3.2:1b").open() as connection, connection.stream(REQUEST) as stream:
        text = "".join([event.text async for event in stream if isinstance(event, TextDelta)])
    fish = json.loads(text)
    print(f"a {fish['name']} is {fish['length_cm']} cm long")


trio.run(main)
