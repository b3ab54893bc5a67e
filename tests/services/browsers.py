"""A real browser without a window, and what of it selenium has no word for."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains

# No sandbox, for tests run as root; nothing that the browser would ask its maker for.
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--hide-scrollbars",
)

CONTRAST = """
const channel = (byte) => (byte / 255 <= 0.04045 ? byte / 255 / 12.92 : ((byte / 255 + 0.055) / 1.055) ** 2.4);
const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
const rgba = (colour) => {
  canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
  return [...canvas.getImageData(0, 0, 1, 1).data];
};
const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
const ground = (each) => {
  for (let at = each; at; at = at.parentElement) {
    const colour = rgba(getComputedStyle(at).backgroundColor);
    if (colour[3] === 255) return colour;
  }
  return [255, 255, 255, 255];
};
const found = [];
for (const each of document.querySelectorAll("body *")) {
  const own = [...each.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
  if (!own || !each.checkVisibility() || each.closest("noscript, .unseen")) continue;
  const style = getComputedStyle(each);
  const ink = rgba(each.closest("svg") ? style.fill : style.color);
  const [a, b] = [light(ink), light(ground(each))].sort((x, y) => y - x);
  found.push([Number(((a + 0.05) / (b + 0.05)).toFixed(2)), each.tagName + "." + (each.getAttribute("class") ?? ""),
    each.textContent.slice(0, 20)]);
}
return found.sort((x, y) => x[0] - y[0]);
"""
"""Contrast of each text with what it stands on, by WCAG 2.2's formula, least first."""


class Browser:
    """A browser and the one page in it."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def look(self, width: int = 1280, height: int = 1500, **features: str) -> None:
        """The window's size, and what its user prefers: `prefers_color_scheme="dark"`."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        media = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media})

    def run(self, script: str, *given: Any) -> Any:
        """What a script returns."""
        return self.driver.execute_script(script, *given)  # pyright: ignore[reportUnknownMemberType]

    def press(self, *keys: str) -> None:
        """Press keys, wherever the focus is."""
        ActionChains(self.driver).send_keys(*keys).perform()

    def text(self, selector: str) -> str:
        """What an element says; empty when it is hidden."""
        return self.run(
            "const e = document.querySelector(arguments[0]); return e.checkVisibility() ? e.textContent : ''", selector
        )

    def focus(self) -> str:
        """What has the focus: its id, else its value or its text."""
        return self.run("const e = document.activeElement; return e.id || e.value || e.textContent")

    def asked(self) -> list[str]:
        """Every address that the page asked for since this was called last."""
        entries = [json.loads(each["message"])["message"] for each in self.driver.get_log("performance")]
        return [each["params"]["request"]["url"] for each in entries if each["method"] == "Network.requestWillBeSent"]

    def complaints(self) -> list[str]:
        """What the console says of faults: errors of scripts, what the policy forbids, what was not found."""
        return [each["message"] for each in self.driver.get_log("browser") if each["level"] == "SEVERE"]


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser, closed on leaving; skips the test where there is none."""
    binary, driver = shutil.which("chromium") or shutil.which("google-chrome"), shutil.which("chromedriver")
    if not binary or not driver:
        pytest.skip("there is no browser here, and tests/browser.sh could not install one")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for each in FLAGS:
        options.add_argument(each)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    # selenium would otherwise look for a driver elsewhere, and count that it was used
    service = Service(driver, env={**os.environ, "SE_OFFLINE": "true", "SE_AVOID_STATS": "true"})
    running = webdriver.Chrome(options=options, service=service)
    try:
        yield Browser(running)
    finally:
        running.quit()
