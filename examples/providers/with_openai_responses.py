"""What a model of OpenAI's thinks, in short, and what it says: OPENAI_API_KEY and OPENAI_BASE_URL say where.

Prints, if the model says so:
    (Insects have six legs, crabs have ten.)
    No, it is a crustacean.
"""

import trio

from actrio.providers import ModelRequest, OpenAIResponsesProvider, ReasoningDelta, TextDelta, User

REQUEST = ModelRequest(
    [User("Is a crab an insect?")],
    extra_body={"reasoning": {"effort": "low", "summary": "auto"}},
)


async def main() -> None:
    """Ask, and print both."""
    thoughts, text = "", ""
    async with OpenAIResponsesProvider("gpt-5-mini").open() as connection, connection.stream(REQUEST) as stream:
        async for event in stream:
            match event:
                case ReasoningDelta(piece):
                    thoughts += piece
                case TextDelta(piece):
                    text += piece
                case _:
                    pass
    print(f"({thoughts})\n{text}")


trio.run(main)
