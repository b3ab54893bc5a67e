"""The live page in a real browser: what people see, press and hear, and that nothing comes from elsewhere."""

import json
from collections.abc import Iterator
from itertools import pairwise
from time import time

import pytest
from selenium.webdriver.common.keys import Keys

from tests.services.attacks import Attacks, attacks
from tests.services.browsers import CONTRAST, Browser, browser
from tests.services.copies import Copy, eventually
from tests.services.pages import Page, serving

HOSTILE = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>\u202e&amp;'


@pytest.fixture(scope="module")
def demo(stack: Copy) -> Iterator[Attacks]:
    with attacks(Attacks(stack.env["KAFKA_BOOTSTRAP_SERVERS"])) as both:
        yield both


@pytest.fixture(scope="module")
def page(stack: Copy, demo: Attacks) -> Iterator[Page]:
    with serving(stack, demo.topic) as served:
        yield served


@pytest.fixture(scope="module")
def chrome() -> Iterator[Browser]:
    with browser() as opened:
        yield opened


@pytest.fixture
def seen(chrome: Browser, page: Page) -> Browser:
    """The page, newly opened on a wide light screen, and current."""
    chrome.look(prefers_color_scheme="light")
    chrome.driver.get(page.url)
    chrome.run("localStorage.clear(); delete document.documentElement.dataset.theme")
    eventually(lambda: chrome.text("#status-text").startswith("live"), seconds=60)
    return chrome


def column(seen: Browser, number: int) -> list[str]:
    """What the table of alerts says in one column."""
    cells = "return [...document.querySelectorAll(arguments[0])].map((each) => each.textContent)"
    return seen.run(cells, f"#alerts td:nth-child({number})")


def test_a_page_without_alerts_says_what_to_run_next_until_there_are_some(seen: Browser, demo: Attacks) -> None:
    eventually(lambda: "replay send connections" in seen.text("#empty"))
    eventually(lambda: seen.text("#rate") == "0")  # a rate takes two looks
    assert column(seen, 1) == ["none yet"]
    demo.send(demo.alert("dos"), demo.alert("probe", **{"class": "normal", "label": "normal"}))
    eventually(lambda: not seen.text("#empty"))
    assert "2 in all" in seen.text("#alert-note")
    eventually(lambda: len(column(seen, 2)) == 2)
    assert set(column(seen, 2)) == {"dos", "probe"}
    assert {"✓ neptune (dos)", "✗ normal (normal)"} == set(column(seen, 4))
    assert seen.text("#precision").strip() == "50.0 %"


def test_it_is_live_without_being_loaded_again(seen: Browser, demo: Attacks) -> None:
    seen.run("window.same = 1")
    demo.send(*(demo.alert("r2l", id=f"live-{number}") for number in range(60)))
    eventually(lambda: "live-59" in column(seen, 9))
    demo.records(400)
    eventually(lambda: seen.run("return document.querySelectorAll('#records-chart .line').length") == 1)
    bars = "return document.querySelector('#alerts-chart .r2l').getBoundingClientRect().height"
    assert eventually(lambda: seen.run(bars)) > 20
    assert seen.run("return window.same") == 1
    assert len(column(seen, 1)) == 50


def test_what_records_say_is_text_and_nothing_else(seen: Browser, demo: Attacks) -> None:
    hostile = demo.alert("u2r", id=HOSTILE, label=HOSTILE, service=HOSTILE, protocol_type=HOSTILE)
    demo.send(hostile, key=HOSTILE.encode())
    demo.send(b'{"id": "<b>"}', b"\xff\x00", json.dumps({"said": "<i>"}).encode())
    eventually(lambda: HOSTILE in column(seen, 9))
    row = column(seen, 9).index(HOSTILE)
    assert column(seen, 10)[row] == HOSTILE
    assert column(seen, 4)[row] == f"✓ {HOSTILE} (u2r)"
    assert column(seen, 5)[row] == f"{HOSTILE} {HOSTILE}"
    eventually(lambda: "records of" in seen.text("#malformed"))
    assert seen.run("return document.querySelectorAll('img, #alerts script, #malformed *').length") == 0
    assert seen.run("return window.hacked ?? null") is None
    assert seen.complaints() == []


def test_it_works_with_a_keyboard_alone(seen: Browser, demo: Attacks, page: Page) -> None:
    outlined = "return getComputedStyle(document.activeElement).outlineStyle"
    seen.press(Keys.TAB)
    assert (seen.focus(), seen.run(outlined)) == ("Skip to the last alerts", "solid")
    seen.press(Keys.ENTER)
    stops = []
    seen.run("document.activeElement.blur(); scrollTo(0, 0); history.replaceState(null, '', '/')")
    seen.driver.refresh()
    eventually(lambda: seen.text("#status-text").startswith("live"), seconds=60)
    for _ in range(11):
        seen.press(Keys.TAB)
        stops.append(seen.focus())
        assert seen.run(outlined) == "solid", stops
    assert stops[1:7] == ["pause", "theme", "keys", "records-chart", "alerts-chart", "latency-chart"]
    assert (stops[8], stops[9]) == ("all", "last")  # stops[7] is the table by class, which has no id

    demo.send(demo.alert("probe"), demo.alert("dos"))
    eventually(lambda: {"probe", "dos"} <= set(column(seen, 2)))
    seen.press("f")
    assert seen.focus() == "all"
    seen.press(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    assert seen.focus() == "probe"
    eventually(lambda: set(column(seen, 2)) == {"probe"})
    assert "of probe" in seen.text("#last-count")

    seen.press("p")
    eventually(lambda: seen.text("#status-text").startswith("paused at"))
    assert seen.run("return document.querySelector('#pause').getAttribute('aria-pressed')") == "true"
    assert seen.text("#said") == "Paused."
    said, total = seen.text("#alert-note"), page.total()
    demo.send(demo.alert("probe", id="while-paused"))
    page.until(total + 1)
    seen.press("p", "p")  # goes on, and stops again: what came meanwhile is there at the next event only
    assert seen.text("#alert-note") == said
    assert "while-paused" not in column(seen, 9)
    seen.press("p")
    eventually(lambda: "while-paused" in column(seen, 9))


def test_single_keys_can_be_switched_off(seen: Browser) -> None:
    seen.run("document.querySelector('#keys').focus()")
    seen.press(Keys.SPACE, "p", "d")
    assert seen.run("return [...document.querySelectorAll('button')].map((e) => e.getAttribute('aria-pressed'))") == [
        "false",
        "false",
    ]
    seen.press(Keys.SPACE, "p")
    assert seen.run("return document.querySelector('#pause').getAttribute('aria-pressed')") == "true"


def test_a_chart_can_be_read_second_by_second(seen: Browser, demo: Attacks, page: Page) -> None:
    total, at = page.total(), int(time() * 1000)
    demo.send(*(demo.alert("probe", scored=at) for _ in range(7)))
    page.until(total + 7)
    held = "return document.querySelector('#alerts-chart').getAttribute('aria-valuemax') > arguments[0]"
    eventually(lambda: seen.run(held, at // 1000))
    seen.run("document.querySelector('#alerts-chart').focus()")
    seen.press("p", Keys.END)
    read = "return document.querySelector('#alerts-chart').getAttribute('aria-valuetext')"
    for _ in range(60):
        if "probe 7" in seen.run(read):
            break
        seen.press(Keys.ARROW_LEFT)
    assert "probe 7" in seen.text("#alerts-read")
    assert seen.text("#records-read").split(": ")[0] == seen.text("#alerts-read").split(": ")[0]  # all read the same
    seen.press(Keys.ESCAPE)
    assert seen.text("#alerts-read") == ""


def test_dark_is_what_the_system_prefers_or_what_was_chosen(seen: Browser) -> None:
    ground = "return getComputedStyle(document.body).backgroundColor"
    light = seen.run(ground)
    seen.look(prefers_color_scheme="dark")
    assert eventually(lambda: seen.run(ground)) != light
    assert seen.run("return document.querySelector('#theme').getAttribute('aria-pressed')") == "true"
    seen.press("d")
    assert seen.run(ground) == light
    seen.driver.refresh()
    assert seen.run(ground) == light  # it is remembered


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read(seen: Browser, scheme: str) -> None:
    seen.look(prefers_color_scheme=scheme)
    seen.press("p")
    for shown in ("document.querySelectorAll('[hidden]').forEach((each) => { each.hidden = false; })", "0"):
        seen.run(shown)
        found = seen.run(CONTRAST)
        assert len(found) > 60
        assert found[0][0] >= 4.5, found[:5]


def test_everything_has_a_name_and_headings_are_in_order(seen: Browser) -> None:
    focusable = "return [...document.querySelectorAll('a, button, input, [tabindex]')].map((e) => e.id || e.className)"
    assert len(seen.run(focusable)) >= 12
    tree = seen.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    roles = ("button", "checkbox", "radio", "slider", "link", "region", "table", "figure", "group")
    named = [(each["role"]["value"], each.get("name", {}).get("value", "")) for each in tree if not each["ignored"]]
    assert [each for each in named if each[0] in roles[:6] and not each[1]] == []
    levels = seen.run("return [...document.querySelectorAll('h1, h2, h3')].map((e) => Number(e.tagName[1]))")
    assert levels[0] == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))
    assert seen.run("return document.documentElement.lang") == "en"


def test_what_is_summed_up_is_said_politely_and_seldom(seen: Browser) -> None:
    said = eventually(lambda: seen.text("#said"))
    assert "records a second" in said
    assert seen.run("return document.querySelector('#said').getAttribute('aria-live')") == "polite"
    assert seen.run("return document.querySelectorAll('main [aria-live]').length") == 0  # figures change each second


@pytest.mark.parametrize("width", [320, 390, 768])
def test_a_narrow_screen_needs_no_scrolling_sideways(seen: Browser, width: int) -> None:
    seen.look(width, 800)
    eventually(lambda: seen.run("return innerWidth") == width)
    assert seen.run("return document.documentElement.scrollWidth") <= width


def test_nothing_moves_for_who_does_not_want_it(seen: Browser) -> None:
    motion = "return getComputedStyle(document.querySelector('.dot')).animationName"
    assert seen.run(motion) == "beat"
    seen.look(prefers_reduced_motion="reduce")
    assert seen.run(motion) == "none"


def test_nothing_comes_from_elsewhere(seen: Browser, page: Page) -> None:
    seen.asked()
    seen.driver.refresh()
    eventually(lambda: seen.text("#status-text").startswith("live"), seconds=60)
    asked = seen.asked()
    assert {each.removeprefix(page.url) for each in asked} >= {"", "page/app.js", "page/charts.js", "events"}
    assert [each for each in asked if not each.startswith(page.url)] == []
    assert seen.complaints() == []


def test_a_server_that_is_away_is_said_and_found_again(stack: Copy, chrome: Browser, demo: Attacks) -> None:
    chrome.look()
    with serving(stack, demo.topic) as first:
        port = first.url.rstrip("/").rpartition(":")[2]
        chrome.driver.get(first.url)
        eventually(lambda: chrome.text("#status-text").startswith("live"), seconds=60)
    eventually(lambda: chrome.text("#status-text").startswith("the server does not answer"))
    assert chrome.text("#said") == "The server does not answer."
    with serving(stack, demo.topic, f"--port={port}"):
        eventually(lambda: chrome.text("#status-text").startswith("live"), seconds=60)
        chrome.driver.get("about:blank")
    with serving(stack, demo.topic, KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:9") as away:
        chrome.driver.get(away.url)
        eventually(lambda: "make status" in chrome.text("#trouble"), seconds=60)
        assert chrome.text("#status-text") == "not current"
