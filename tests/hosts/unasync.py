"""Makes the blocking face of the runtime from the one for asyncio: ``python tests/hosts/unasync.py``.

They differ in nothing but `async` and `await`, so the one is the source of the other, and a test looks that they agree.
"""

import re
import subprocess
import sys
from pathlib import Path
from typing import Final

HOSTS: Final = Path(__file__).parents[2] / "hosts"
MADE: Final = ("_batch.py", "_calls.py", "_refs.py", "_topic.py", "_turn.py")

_CHANGES: Final = [
    (r"\basync (def|for|with) ", r"\1 "),
    (r"\bawait ", ""),
    (r"\b__a(enter|exit|iter|next)__\b", r"__\1__"),
    (r"\bStopAsyncIteration\b", "StopIteration"),
    (r"(ignore\[overload-overlap\])", r"\1  # pyright: ignore[reportOverlappingOverload]"),
    (r" *# noqa: ASYNC102.*", ""),
    (r"from asyncio\b", "from a thread"),
    (r"in asyncio\b", "in a thread"),
    (r"How asyncio talks to the actors of its runtime", "How a thread talks to the actors of its runtime"),
    (r"actrio\.hosts\.asyncio\b", "actrio.hosts.blocking"),
]


def unasync(source: str, name: str) -> str:
    """The blocking module made of one for asyncio."""
    for old, new in _CHANGES:
        source = re.sub(old, new, source)
    made = f"# Made from hosts/asyncio/{name} by tests/hosts/unasync.py: change that, and run this.\n" + source
    formatted = [sys.executable, "-m", "ruff", "format", "--stdin-filename", f"hosts/blocking/{name}", "-"]
    return subprocess.run(formatted, input=made, capture_output=True, text=True, check=True, cwd=HOSTS.parent).stdout


def main() -> None:
    """Write all of them."""
    for name in MADE:
        made = unasync((HOSTS / "asyncio" / name).read_text(encoding="utf-8"), name)
        (HOSTS / "blocking" / name).write_text(made, encoding="utf-8")


if __name__ == "__main__":
    main()
