"""What only Telegram can say of a source that polls it: Connect shows RUNNING whatever Telegram answers.

Source of the rules: https://core.telegram.org/bots/api#getupdates
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from jobs.connectors.rules import endpoint

HOME = "https://api.telegram.org"

WATCH = 4
"""How long to listen for another poller, in seconds: one that was interrupted asks again within a second or so."""


@dataclass(frozen=True)
class Bot:
    """How a source reaches its bot.

    Args:
        base: Telegram's address.
        token: The bot's secret.
    """

    base: str
    token: str

    def __repr__(self) -> str:
        """Without the token."""
        return f"Bot({self.base})"


@dataclass(frozen=True)
class Answer:
    """What Telegram said: whether it agreed, its error code and words, and the result."""

    ok: bool
    code: int
    said: str
    result: Any = None


def bot(config: Mapping[str, str]) -> Bot | None:
    """The bot that a connector's resolved configuration polls; None if it polls none."""
    scheme, _, parameters = endpoint(config.get("camel.source.url", ""))
    token = parameters.get("authorizationToken", "").removeprefix("RAW(").removesuffix(")")
    return Bot(parameters.get("baseUri", HOME), token) if scheme == "telegram" and token else None


def trouble(bot: Bot, *, watch: float = 0, transport: httpx.BaseTransport | None = None) -> str:
    """Why this bot can't be polled, or nothing.

    Args:
        bot: The bot.
        watch: Poll it for so many seconds, confirming nothing, in order to see whether another does; 0 does not.
        transport: Another way to reach it, for tests.
    """
    with httpx.Client(base_url=bot.base, timeout=httpx.Timeout(watch + 5, connect=3), transport=transport) as http:
        me = _ask(http, bot, "getMe")
        if me.code in (401, 404):
            return f"{me.code} {me.said}: Telegram refuses the token"
        if not me.ok:
            return f"Telegram cannot be asked: {me.said}"
        hook = _ask(http, bot, "getWebhookInfo")
        if hook.ok and hook.result.get("url"):
            return "409 Conflict: can't use getUpdates method while webhook is active"
        until = time.monotonic() + watch
        while watch and (left := until - time.monotonic()) > 0:
            polled = _ask(http, bot, "getUpdates", limit=1, timeout=max(1, int(left)))
            if polled.code == 409:
                return f"409 {polled.said}"
            if polled.result:  # it answers at once while anything waits, so listening has to be done in small steps
                time.sleep(0.2)
    return ""


def _ask(http: httpx.Client, bot: Bot, method: str, **given: int) -> Answer:
    try:
        said: dict[str, Any] = http.post(f"/bot{bot.token}/{method}", json=given).json()
    except (httpx.HTTPError, ValueError) as error:
        return Answer(ok=False, code=0, said=str(error).replace(bot.token, "(hidden)"))
    return Answer(
        bool(said.get("ok")), int(said.get("error_code", 200)), str(said.get("description", "")), said.get("result")
    )
