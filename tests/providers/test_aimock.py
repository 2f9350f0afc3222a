import sys
from pathlib import Path

import httpx2
import pytest
import trio

from tests.providers.aimock import MISSING, left_out

ROOT = Path(__file__).parents[2]


def report(nodeid: str, reason: str) -> pytest.TestReport:
    return pytest.TestReport(nodeid, ("", 0, ""), {}, "skipped", ("", 0, f"Skipped: {reason}"), "setup")


def test_the_tests_that_are_left_out_are_counted_and_named_with_the_reason() -> None:
    reports = [report("a.py::test_1", MISSING), report("a.py::test_2", MISSING), report("b.py::test_3", "too hot")]

    assert left_out(reports) == f"2 tests of a.py: {MISSING}"
    assert left_out(reports[2:]) == ""


async def test_a_request_that_no_fixture_is_for_is_an_error_and_not_an_answer(aimock: str) -> None:
    body = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": "Nobody thought of this."}]}
    async with httpx2.AsyncClient(trust_env=False) as client:
        answer = await client.post(f"{aimock}/v1/chat/completions", json=body)

    assert answer.status_code == 503


async def connect_until_refused(port: int) -> None:
    while True:
        await (await trio.open_tcp_stream("127.0.0.1", port)).aclose()
        await trio.sleep(0.01)


@pytest.mark.usefixtures("aimock")
async def test_the_server_ends_when_its_owner_dies() -> None:
    program = f"""if True:
        import os, sys
        sys.path.append({str(ROOT)!r})
        from tests.providers.aimock import running_aimock
        with running_aimock() as address:
            print(address, flush=True)
            os._exit(0)
    """
    owner = await trio.run_process([sys.executable, "-P", "-c", program], capture_stdout=True)

    with trio.fail_after(5), pytest.raises(OSError, match="connect"):
        await connect_until_refused(int(owner.stdout.decode().rpartition(":")[2]))
