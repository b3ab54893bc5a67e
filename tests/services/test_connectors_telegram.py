"""Connectors that read from Telegram: a token it refuses, and a second poller of one."""

import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from stack.layout import TOKEN
from tests.services.connector import CAMEL_SOURCE, SECRET, Bench, Config, answer
from tests.services.copies import Copy, eventually
from tests.services.test_telegram import Bot


@pytest.fixture
def bench(stack: Copy, tmp_path: Path) -> Iterator[Bench]:
    with Bench.made(stack, tmp_path) as mine:
        yield mine


def test_a_token_that_telegram_refuses_is_a_failure_though_connect_shows_running(bench: Bench) -> None:
    env = bench.stack.env
    url = f"telegram:bots?authorizationToken=1:{SECRET}&baseUri={env['TELEGRAM_BASE_URI']}"
    converter = "org.apache.kafka.connect.converters.ByteArrayConverter"
    bench.create(
        {
            "connector.class": CAMEL_SOURCE,
            "tasks.max": 1,
            "topics": bench.topic(),
            "camel.source.url": url,
            "value.converter": converter,
        }
    )
    eventually(lambda: "RUNNING" in [each["state"] for each in bench.status().get("tasks", [])])
    refused = bench.headrace("status", bench.name, LOG_LEVEL="DEBUG")
    [state] = answer(refused, 4)
    assert (state["state"], state["problem"], state["permanent"]) == ("FAILED", "auth", True)
    assert state["cause"] == "401 Unauthorized: Telegram refuses the token"
    assert SECRET not in refused.stdout + refused.stderr


def telegram(base: str) -> Config:
    return {
        "connector.class": CAMEL_SOURCE,
        "tasks.max": 1,
        "topics": "messages",
        "camel.source.url": f"telegram:bots?authorizationToken=${{env:TELEGRAM_TOKEN}}&baseUri={base}",
        "value.converter": "org.apache.kafka.connect.converters.ByteArrayConverter",
    }


@pytest.fixture
def bot(tmp_path: Path) -> Iterator[Bot]:
    """A stand-in of this test alone: what is read from it is missed by nobody."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    ours = {"HEADRACE_STATE": str(tmp_path), "HEADRACE_DATA": str(tmp_path), "HEADRACE_TELEGRAM_PORT": str(port)}
    with Bot(port, {**os.environ, **ours, "TELEGRAM_TOKEN": TOKEN}).running() as bot:
        yield bot


def test_a_second_poller_in_connect_is_refused(bench: Bench, bot: Bot) -> None:
    other = {"name": f"other-{bench.name}", "config": telegram(bot.url), "initial_state": "STOPPED"}
    bench.rest.post("/connectors", json=other).raise_for_status()
    try:
        refused = bench.headrace("plan", bench.file(telegram(bot.url)))
    finally:
        bench.rest.delete(f"/connectors/other-{bench.name}").raise_for_status()
    assert refused.returncode == 1
    assert (
        f"other-{bench.name} polls with the same token, and Telegram answers 409 to a second poller" in refused.stderr
    )


def test_a_second_poller_that_connect_does_not_know_is_refused_before_anything_is_made(bench: Bench, bot: Bot) -> None:
    last = bot.ids(offset=-1)[-1] + 1
    script = f"while curl -s -m 60 '{bot.url}/bot{TOKEN}/getUpdates?timeout=30&offset={last}'; do sleep 0.3; done"
    poller = subprocess.Popen(["sh", "-c", script], stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        conflict = bench.headrace("apply", bench.file(telegram(bot.url)), "--output=json")
    finally:
        os.killpg(poller.pid, signal.SIGTERM)
        poller.wait()
    assert conflict.returncode == 1
    said = json.loads(conflict.stderr.splitlines()[-1])
    assert "something else polls with its token: 409 Conflict: terminated by other getUpdates" in said["error"]
    assert "stop the other poller" in said["hint"]
    assert bench.rest.get(f"/connectors/{bench.name}").status_code == 404
    assert TOKEN not in conflict.stdout + conflict.stderr
