"""The API as it runs: on the real services, over HTTP, in a browser, and in the hands of whoever ends it."""

import base64
import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By

from jobs import keys
from tests.services.copies import ROOT, Copy, eventually
from tests.services.test_lake import Topic, good

KEY = "hr_of-the-tests"


@dataclass(frozen=True)
class Api:
    """An API that runs.

    Args:
        url: Where.
        process: Its process.
        log: What it says.
    """

    url: str
    process: subprocess.Popen[str]
    log: Path

    def get(self, path: str, **query: Any) -> Any:
        """What it answers."""
        said = httpx.get(f"{self.url}{path}", params=query or None, headers={"X-API-Key": KEY}, timeout=60)
        assert said.status_code == 200, said.text
        return said.json()


@contextmanager
def serving(stack: Copy, folder: Path, *options: str, **environment: str) -> Generator[Api]:
    """An API on a free port; it must end well when it is told to."""
    log = folder / f"api-{uuid4().hex[:6]}.log"
    known = {name: value for name, value in os.environ.items() if not name.startswith(("KEYS_", "OIDC_"))}
    with log.open("w") as said:
        process = subprocess.Popen(
            [ROOT / ".venv/bin/headrace", "api", "serve", "--port=0", *options],
            cwd=ROOT,
            env={**known, "HEADRACE_STATE": str(stack.state), **environment},
            stderr=said,
            text=True,
        )
    try:

        def address() -> str:
            assert process.poll() is None, log.read_text()
            found = re.search(r"(http://\S+:\d+)/", log.read_text())
            return found[1] if found else ""

        yield Api(eventually(address, seconds=90), process, log)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0, log.read_text()
        assert "Traceback" not in log.read_text(), log.read_text()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def topic(stack: Copy) -> Topic:
    """A topic with a table and dead letters, and a run that says so."""
    made = Topic(stack)
    made.produce(*map(good, range(30)), b"bad", b"bad too")
    made.do("bronze")
    made.do("silver")
    run: dict[str, Any] = {
        "run": f"messages-{made.name}",
        "workflow": "messages",
        "digest": "",
        "parameters": {"topic": made.name},
        "status": "Running",
        "begun": datetime.now(UTC).isoformat(),
        "versions": {},
        "by": {"host": "gone", "pid": 1, "birth": ""},
        "steps": [
            {
                "outcome": {"name": name, "status": status, "message": "error: <img src=x>"},
                "begun": "2026-01-01T00:00:00Z",
            }
            for name, status in (("bronze-load", "Succeeded"), ("silver-clean", "Running"))
        ],
    }
    file = stack.state / "runs" / str(run["run"]) / "run.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(run))
    return made


@pytest.fixture(scope="module")
def api(stack: Copy, topic: Topic, tmp_path_factory: pytest.TempPathFactory) -> Generator[Api]:
    """An API that knows one key."""
    folder = tmp_path_factory.mktemp(topic.name)
    known = f"tests={keys.digest(KEY)}"
    with serving(stack, folder, "--rate=100000/second", "--look-every=1", KEYS_SHA256=known) as served:
        yield served


def test_what_the_jobs_say_is_what_the_api_says(stack: Copy, topic: Topic, api: Api) -> None:
    shown = json.loads(stack.headrace("ledger", "show", topic.name, "--last=5", "--output=json").stdout)
    letters = json.loads(stack.headrace("dlq", "list", f"{topic.name}.dlq", "--output=json").stdout)

    said = eventually(
        lambda: next(iter(api.get("/ledger")["topics"]), None) and api.get("/ledger", topic=topic.name, last=5)
    )
    dead = next(each for each in api.get("/dead-letters")["items"] if each["topic"] == f"{topic.name}.dlq")

    assert said
    for layer, same in zip(said["topics"][0]["layers"], shown["layers"], strict=False):
        times = [(one.pop("ended"), one.pop("seconds"), two.pop("ended"), two.pop("seconds"))
                 for one, two in zip(layer["lines"], same["lines"], strict=True)]  # fmt: skip
        assert layer == same
        assert times
    assert [layer["table"].partition("/")[0] for layer in said["topics"][0]["layers"]] == ["bronze", "silver"]
    assert (dead["letters"], dead["reasons"]) == (2, letters)


def test_the_services_that_are_there_are_named(stack: Copy, api: Api, tmp_path: Path) -> None:
    ready = httpx.get(f"{api.url}/ready", timeout=60).json()
    assert {each["name"]: each["state"] for each in ready["parts"]}.items() >= {
        ("kafka", "ok"), ("connect", "ok"), ("lake", "ok")
    }  # fmt: skip
    assert {each["check"] for each in api.get("/pipeline")["findings"]} >= {"reachable", "connect"}

    alone = {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9", "MONGODB_HOST": "127.0.0.1:9", "LAKE_URI": str(tmp_path / "no")}
    with serving(stack, tmp_path, "--auth=off", "--connect=False", **alone) as lame:
        said = httpx.get(f"{lame.url}/ready", timeout=60)
        data = httpx.get(f"{lame.url}/data?collection=a", timeout=60)
        lag = httpx.get(f"{lame.url}/dead-letters", timeout=60)
        named = httpx.get(f"{lame.url}/runs", headers={"Host": "evil.test"}, timeout=60)
    assert said.status_code == 503
    assert {each["name"]: each["state"] for each in said.json()["parts"]} == {
        "kafka": "missing", "connect": "off", "lake": "missing", "mongodb": "missing"
    }  # fmt: skip
    assert (data.status_code, lag.status_code, named.status_code) == (503, 503, 421)
    assert "MongoDB cannot be used" in data.json()["detail"]
    assert "Kafka at 127.0.0.1:9 cannot be used" in lag.json()["detail"]


@pytest.fixture(scope="module")
def browser() -> Generator[webdriver.Chrome]:
    """A real browser, without the internet."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if not program:
        pytest.skip("there is no browser here")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for each in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--window-size=1400,1500",
    ):
        options.add_argument(each)
    options.add_argument("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")  # offline
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        yield driver
    finally:
        driver.quit()


def picture(browser: webdriver.Chrome, name: str) -> None:
    """Keep a picture in `API_PICTURES`, if that names a folder."""
    if folder := os.environ.get("API_PICTURES"):
        Path(folder, name).write_bytes(base64.b64decode(browser.get_screenshot_as_base64()))


def text(browser: webdriver.Chrome, css: str) -> str:
    return browser.find_element(By.CSS_SELECTOR, css).text


def test_the_page_shows_the_pipeline_to_who_has_a_key(api: Api, topic: Topic, browser: webdriver.Chrome) -> None:
    browser.get(f"{api.url}/")
    key = browser.find_element(By.ID, "key")
    eventually(key.is_displayed)
    key.send_keys("wrong\n")
    eventually(lambda: "not known" in text(browser, "#refused"))
    key.send_keys(f"{KEY}\n")
    eventually(lambda: topic.name in text(browser, "#tables") and not key.is_displayed())

    eventually(lambda: "bronze-load" in browser.page_source)
    assert f"bronze/{topic.name}" in text(browser, "#tables")
    assert f"{topic.name}.dlq" in text(browser, "#dead")
    assert f"messages-{topic.name}" in text(browser, "#runs")
    assert re.search(r"ok|warn|fail", text(browser, "#verdict"))
    assert "until data is lost" in text(browser, "#lag").lower()
    assert not browser.find_elements(By.CSS_SELECTOR, "main img")  # what a step said stayed text
    severe = [each for each in browser.get_log("browser") if each["level"] == "SEVERE" and "401" not in each["message"]]
    assert severe == []


def test_the_page_is_for_the_keyboard_and_for_the_dark(api: Api, browser: webdriver.Chrome) -> None:
    body = browser.find_element(By.TAG_NAME, "body")
    body.send_keys("5")
    assert browser.switch_to.active_element.get_attribute("id") == "tables"
    colours = {browser.find_element(By.TAG_NAME, "body").value_of_css_property("background-color")}
    body.send_keys("t")
    colours.add(browser.find_element(By.TAG_NAME, "body").value_of_css_property("background-color"))
    assert len(colours) == 2
    picture(browser, "api-page-dark.png")
    body.send_keys("t")
    body.send_keys("1")
    picture(browser, "api-page.png")
    body.send_keys("p")
    assert text(browser, "#pause").endswith("Go on")
    del api


def test_swagger_ui_works_without_the_internet(api: Api, browser: webdriver.Chrome) -> None:
    browser.get(f"{api.url}/docs")

    eventually(lambda: "/dead-letters" in text(browser, "#docs"))
    assert "Errors" not in text(browser, "#docs")
    loaded: list[str] = browser.execute_script("return performance.getEntriesByType('resource').map(e => e.name)")
    assert loaded
    assert all(each.startswith(api.url) for each in loaded)
    picture(browser, "api-docs.png")
