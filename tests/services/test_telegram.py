"""The stand-in keeps the rules of Telegram's Bot API (https://core.telegram.org/bots/api)."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from stack.layout import TOKEN
from tests.services.copies import ROOT, eventually


class Bot:
    """A client of the stand-in, and what its process was started with."""

    def __init__(self, port: int, environment: dict[str, str]) -> None:
        self.url, self.environment = f"http://127.0.0.1:{port}", environment

    def call(self, method: str, token: str = TOKEN, **parameters: Any) -> tuple[int, dict[str, Any]]:
        said = httpx.post(f"{self.url}/bot{token}/{method}", json=parameters, timeout=60)
        return said.status_code, said.json()

    def ids(self, **parameters: Any) -> list[int]:
        return [update["update_id"] for update in self.call("getUpdates", **parameters)[1]["result"]]

    def stand_in(self) -> dict[str, Any]:
        return httpx.get(f"{self.url}/stand-in").json()

    def answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/stand-in").is_success
        except httpx.TransportError:
            return False

    @contextmanager
    def running(self) -> Iterator["Bot"]:
        process = subprocess.Popen([sys.executable, "-m", "stack.telegram"], cwd=ROOT, env=self.environment)
        try:
            eventually(self.answers)
            yield self
        finally:
            process.terminate()
            process.wait()


@pytest.fixture
def make_bot(tmp_path: Path) -> Callable[[], Bot]:
    def make() -> Bot:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        ours = {
            "HEADRACE_STATE": str(tmp_path),
            "HEADRACE_DATA": str(tmp_path),
            "HEADRACE_TELEGRAM_PORT": str(port),
            "TELEGRAM_TOKEN": TOKEN,
        }
        return Bot(port, {**os.environ, **ours})

    return make


@pytest.fixture
def bot(make_bot: Callable[[], Bot]) -> Iterator[Bot]:
    with make_bot().running() as bot:
        yield bot


def test_who_may_ask_what(bot: Bot) -> None:
    assert bot.call("getMe")[1]["result"]["is_bot"] is True
    assert bot.call("getme")[0] == 200
    wrong = {"ok": False, "error_code": 401, "description": "Unauthorized"}
    assert bot.call("getMe", token="1:WRONG") == (401, wrong)
    missing = {"ok": False, "error_code": 404, "description": "Not Found"}
    assert bot.call("getMe", token="nonsense") == (404, missing)
    assert bot.call("noSuchMethod") == (404, missing)
    assert bot.call("getUpdates", limit="many")[0] == 400
    assert bot.call("deleteWebhook")[1] == {"ok": True, "result": True}
    assert bot.call("getWebhookInfo")[1]["result"]["pending_update_count"] == bot.stand_in()["pending"]


def test_offsets_confirm(bot: Bot) -> None:
    first = bot.ids(limit=3)
    assert len(first) == 3
    assert bot.ids(limit=3) == first  # nothing was confirmed
    assert bot.ids(limit=2, offset=first[1]) == [first[1], first[2]]
    assert bot.stand_in()["confirmed"] == 1
    assert bot.ids(limit=1, offset=0) == [first[1]]  # what was confirmed does not come back
    assert bot.ids(limit=1, offset=first[0]) == [first[1]]
    assert len(bot.ids(limit=1000)) == 100


def test_a_negative_offset_keeps_the_last(bot: Bot) -> None:
    total = bot.stand_in()["total"]
    assert len(bot.ids(offset=-2)) == 2
    assert bot.stand_in()["confirmed"] == total - 2


def test_the_message_is_telegrams(bot: Bot) -> None:
    [update] = bot.call("getUpdates", limit=1)[1]["result"]
    assert set(update) == {"update_id", "message"}
    assert set(update["message"]) == {"message_id", "from", "chat", "date", "text"}
    assert update["message"]["date"] == 1_767_225_600
    assert bot.call("getUpdates", allowed_updates=["callback_query"])[1]["result"] == []


def test_a_restart_does_not_resend(make_bot: Callable[[], Bot]) -> None:
    with make_bot().running() as bot:
        second = bot.ids(limit=2)[1]
        bot.ids(offset=second)
        added = httpx.post(f"{bot.url}/stand-in/updates", json={"texts": ["one more"]}).json()["update_ids"]
    with make_bot().running() as bot:
        assert bot.ids(limit=1) == [second]
        [last] = bot.call("getUpdates", offset=-1)[1]["result"]
        assert ([last["update_id"]], last["message"]["text"]) == (added, "one more")


def test_a_long_poll_waits_for_news(bot: Bot) -> None:
    [last] = bot.ids(offset=-1)
    assert bot.ids(offset=last + 1) == []
    assert bot.ids(offset=last + 1, timeout=1) == []
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(bot.ids, timeout=30)
        # Until the poll is there, an update is found by it at once, which is as good.
        httpx.post(f"{bot.url}/stand-in/updates", json={"texts": ["news"]})
        assert waiting.result(timeout=20) == [last + 1]


def test_a_second_poller_ends_the_first(bot: Bot) -> None:
    [last] = bot.ids(offset=-1)
    bot.ids(offset=last + 1)
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(bot.call, "getUpdates", timeout=30)
        eventually(lambda: (bot.ids(), waiting.done())[1], seconds=10)
        code, said = waiting.result()
    assert code == 409
    assert said["description"].startswith("Conflict: terminated by other getUpdates request")


def test_messages_are_sent(bot: Bot) -> None:
    chat = bot.call("getUpdates", limit=1)[1]["result"][0]["message"]["chat"]["id"]
    code, said = bot.call("sendMessage", chat_id=chat, text="hello")
    assert (code, said["result"]["text"], said["result"]["chat"]["id"]) == (200, "hello", chat)
    assert bot.call("sendMessage", chat_id=chat)[1]["description"] == "Bad Request: message text is empty"
    assert bot.call("sendMessage", chat_id=5, text="x")[1]["description"] == "Bad Request: chat not found"
