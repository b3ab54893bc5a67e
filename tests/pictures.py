"""`python -m tests.pictures`: the pictures of docs/pictures, of the live page as it is, on the stack that runs."""

import argparse
import os
import random
import time
from pathlib import Path
from threading import Event, Thread

from tests.services.attacks import Attacks, attacks
from tests.services.browsers import browser
from tests.services.copies import ROOT, Copy, eventually
from tests.services.pages import serving

FOLDER = ROOT / "docs/pictures"
VIEWS = {"light": (1280, 1330, "light"), "dark": (1280, 1330, "dark"), "narrow": (390, 1500, "light")}
RATE = 300
"""Records in a quarter of a second."""


def main() -> None:
    """Let traffic flow for a while, and take a picture of each view."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=int, default=320, help="how long traffic flows before the pictures")
    seconds: int = options.parse_args().seconds
    stack = Copy(Path(os.environ.get("HEADRACE_STATE", ".state")).absolute())
    ended = Event()
    named = Attacks(stack.env["KAFKA_BOOTSTRAP_SERVERS"], topic="demo")
    with attacks(named) as demo, serving(stack, demo.topic) as page, browser() as chrome:
        traffic = Thread(target=flow, args=(demo, ended))
        traffic.start()
        try:
            ended.wait(seconds)
            FOLDER.mkdir(exist_ok=True)
            for name, (width, height, scheme) in VIEWS.items():
                chrome.look(width, height, prefers_color_scheme=scheme)
                chrome.driver.get(page.url)
                eventually(lambda: chrome.text("#status-text").startswith("live"), seconds=60)
                chrome.driver.save_screenshot(str(FOLDER / f"alerts-{name}.png"))
        finally:
            ended.set()
            traffic.join()


def flow(demo: Attacks, ended: Event) -> None:
    """Connections at a steady rate with bursts, scored a second later, of which one in thirty is an attack."""
    chance, scored, power = random.Random(3), 0, 1  # noqa: S311 - the same pictures each time
    waiting: list[int] = []
    for turn in range(100_000):
        if turn % 4 == 0:
            power = chance.choice([4, 6, 10]) if chance.random() < 0.03 else 1
        count = int(RATE * power * chance.uniform(0.9, 1.1))
        demo.records(count)
        waiting.append(count)
        if len(waiting) > 4:
            taken = waiting.pop(0)
            scored += taken
            demo.send(*demo.some(taken // 30, time.time()))
        if turn % 8 == 0:
            demo.scored(*(scored // demo.partitions for _ in range(demo.partitions)))
        if ended.wait(0.25 - (time.time() % 0.25)):
            return


if __name__ == "__main__":
    main()
