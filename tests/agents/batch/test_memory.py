"""A million inputs from a generator, within 50 MB."""

import subprocess
import sys

PROGRAM = """
import resource
import sys
import trio
from actrio.agents.batch import Done, open_batch

async def double(number):
    return number * 2

async def main():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    total = 0
    async with open_batch(double, (number for number in range(1_000_000)), max_concurrency=20) as batch:
        async for outcome in batch:
            total += outcome.value
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(total == 999_999 * 1_000_000, batch.progress.done, grown // 1024)

trio.run(main)
"""


def test_a_million_inputs_stay_within_50_mb_over_the_start() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], check=False, capture_output=True, text=True, timeout=300)
    assert done.stderr == ""
    right, count, megabytes = done.stdout.split()
    assert (right, count) == ("True", "1000000")
    assert int(megabytes) < 50
