"""The page, in a real browser: a question typed, words that arrive, a call approved, a connection lost and resumed."""

import base64
import json
import os
import shutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from subprocess import DEVNULL
from typing import Any
from urllib.parse import urlsplit

import pytest
import trio
import trio_websocket

from actrio.actors import Runtime
from actrio.agents import Agent, tool
from actrio.gateway._socket import Socket, SocketReader
from actrio.providers import ToolCall
from actrio.testing import Say, ScriptedProvider
from tests.gateway.kit import served
from tests.gateway.proxy import proxied

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")

WORDS = " ".join(f"word{n}" for n in range(120))


class Browser:
    """A page, through Chromium's debugging protocol."""

    def __init__(self, socket: Socket) -> None:
        self._socket = socket
        self._number = 0
        self._session: str | None = None

    async def call(self, method: str, **params: Any) -> Any:
        self._number += 1
        frame = {"id": self._number, "method": method, "params": params}
        await self._socket.send(json.dumps(frame | ({"sessionId": self._session} if self._session else {})))
        while True:
            answer = json.loads(await self._socket.receive())
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return answer["result"]

    async def open(self, url: str) -> None:
        target = (await self.call("Target.createTarget", url=url))["targetId"]
        self._session = (await self.call("Target.attachToTarget", targetId=target, flatten=True))["sessionId"]

    async def run(self, expression: str) -> Any:
        answer = await self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        return answer["result"].get("value")

    async def until(self, expression: str) -> None:
        with trio.fail_after(20):
            while not await self.run(expression):  # noqa: ASYNC110 - it is in another process
                await trio.sleep(0.02)

    async def say(self, agent: str, text: str) -> None:
        find = f"document.querySelector('[data-name={agent}] .ask input')"
        await self.run(f"{find}.focus()")
        await self.call("Input.insertText", text=text)
        await self.run(f"{find}.form.requestSubmit()")

    async def screenshot(self, to: Path) -> None:
        shot = await self.call("Page.captureScreenshot", format="png")
        await trio.Path(to).write_bytes(base64.b64decode(shot["data"]))


def said_in(file: Path) -> list[str]:
    """Where Chromium says that it listens, once it does."""
    lines = file.read_text(encoding="ascii").split("\n") if file.exists() else []
    return lines[:2] if len(lines) > 1 else []


@asynccontextmanager
async def browser(folder: Path) -> AsyncGenerator[Browser]:
    """Chromium without a window, with a profile of its own."""
    command = [
        str(CHROMIUM), "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0", "--no-first-run",
        "--disable-dev-shm-usage", f"--user-data-dir={folder}", "--window-size=1100,700", "about:blank",
    ]  # fmt: skip
    told = folder / "DevToolsActivePort"
    async with trio.open_nursery() as nursery:
        run = partial(trio.run_process, command, stdout=DEVNULL, stderr=DEVNULL, check=False)
        process = await nursery.start(run)
        try:
            with trio.fail_after(30):
                while not (lines := said_in(told)):  # noqa: ASYNC110 - it is another program's
                    await trio.sleep(0.05)
            port, path = lines
            async with await trio.open_tcp_stream("127.0.0.1", int(port)) as stream, trio.open_nursery() as inner:

                async def wrap(reader: Any) -> trio_websocket.WebSocketConnection:
                    return await trio_websocket.wrap_client_stream(
                        reader, stream, f"127.0.0.1:{port}", urlsplit(path).path, max_message_size=64 << 20
                    )

                socket = await SocketReader(inner).shake_hands(wrap, stream)
                try:
                    yield Browser(socket)
                finally:
                    await socket.abort()  # noqa: ASYNC102 - it waits for nothing
        finally:
            process.terminate()


async def test_the_page_streams_asks_for_approval_and_resumes(runtime: Runtime, tmp_path: Path) -> None:
    @tool(approval=True)
    async def send(to: str) -> str:
        """Send it."""
        return f"sent to {to}"

    call = Say("I will send it.", tool_calls=(ToolCall("c0", "send", '{"to": "Ann"}'),))
    await runtime.spawn(Agent("clerk", ScriptedProvider(call, "It is done."), tools=[send]))
    await runtime.spawn(Agent("writer", ScriptedProvider(Say(WORDS, token_s=0.01))))
    shot = Path(os.environ.get("ACTRIO_SCREENSHOT", tmp_path / "page.png"))
    async with (
        served(runtime) as gateway,
        proxied(gateway.port) as proxy,
        browser(tmp_path) as page,
    ):
        await page.open(f"http://127.0.0.1:{proxy.port}/")
        await page.until("document.querySelectorAll('.agent').length === 2")
        await page.say("writer", "Write <b>much</b>.")
        answer = "(document.querySelector('[data-name=writer] .answer')?.textContent || '')"
        await page.until(f"{answer}.includes('word3')")
        assert "word119" not in await page.run(answer)
        proxy.cut()
        await page.say("clerk", "Send it to Ann.")
        await page.until("document.querySelector('[data-name=clerk] .tool button') !== null")
        await page.screenshot(shot)
        await page.run("document.querySelector('[data-name=clerk] .tool button').click()")
        await page.until("document.body.textContent.includes('It is done.')")
        await page.until(f"{answer} === '{WORDS}'")
        assert "sent to Ann" in await page.run("document.querySelector('[data-name=clerk] .tool').textContent")
        assert await page.run("document.querySelector('[data-name=writer] .asked').innerHTML") != "Write <b>much</b>."
        assert await page.run("document.getElementById('state').textContent") == "connected"
