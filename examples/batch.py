"""Three questions, two at a time; one fails, and the other answers are in a file for the next time.

The model plays a script. Give the agent a real one, such as `model="openai:gpt-5-mini"`.

Prints:
    Is rain wet? Yes.
    Is fire? ServerFailed
    Is the sea? Yes.
    3 of 3 ended, 1 failed, 0 running
    Nothing is asked again: ['Yes.', 'Yes.']
"""

import tempfile
from pathlib import Path

import trio

import actrio
from actrio.providers import ServerFailed
from actrio.testing import Fail, Say

DOWN = Fail(ServerFailed("scripted", 500, "down"))
MODEL = actrio.ScriptedProvider(Say("Yes.", token_s=1), DOWN, Say("Yes.", token_s=1))
QUESTIONS = ["Is rain wet?", "Is fire?", "Is the sea?"]


async def main() -> None:
    """Ask all, and ask them again."""
    answers = Path(tempfile.mkdtemp()) / "answers.jsonl"
    async with actrio.open_runtime() as runtime:
        ref = await runtime.spawn(actrio.Agent("oracle", MODEL))
        async with ref.open_batch(QUESTIONS, max_concurrency=1, resume=answers) as batch:
            async for outcome in batch:
                match outcome:
                    case actrio.Done(reply):
                        print(outcome.input, reply.text)
                    case actrio.Failed(error):
                        print(outcome.input, type(error).__name__)
                    case actrio.Cancelled():
                        print(outcome.input, "was not asked")
            print(str(batch.progress).partition(" running")[0] + " running")
        again = await ref.batch(QUESTIONS, resume=answers)
        print("Nothing is asked again:", [one.value.text for one in again if isinstance(one, actrio.Done)])


trio.run(main)
