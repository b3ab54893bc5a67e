"""Updates as Telegram's Bot API writes them, made from texts: the same at each run. Pure.

Source: https://core.telegram.org/bots/api#update and #message.
"""

import csv
import gzip
import io
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

FIRST_UPDATE = 500_000_001
BEGAN = 1_767_225_600  # 2026-01-01T00:00:00Z; one message a minute follows
CHATS, USERS = 20, 60
GENERATED = 2_000
NAMES = ("Ada", "Ben", "Chika", "Dora", "Emil", "Femi", "Grete", "Hugo", "Ines", "Jun")
WORDS = ("are", "at", "coming", "dinner", "free", "home", "I", "late", "now", "the", "train", "we", "you")
Update = dict[str, Any]


def texts(data: Path) -> tuple[list[str], str]:
    """The messages to serve, and where they are from: the SMS collection when it is there, else made up."""
    file = data / "sms" / "SMSSpamCollection.gz"
    if not file.is_file():
        return generated(GENERATED), f"{GENERATED} generated messages, for there is no {file}"
    with gzip.open(file, "rt", encoding="utf-8", newline="") as lines:
        rows = csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        next(rows)  # the header
        found = [row[1] for row in rows if len(row) > 1 and row[1].strip()]
    return found, str(file)


def generated(count: int) -> list[str]:
    """Sentences from a fixed seed."""
    chance = random.Random(20260101)  # noqa: S311 - the same at each run
    return [" ".join(chance.choices(WORDS, k=chance.randint(3, 12))).capitalize() for _ in range(count)]


def updates(texts: Sequence[str], first: int = 0) -> list[Update]:
    """An update for each text; `first` is how many there are before them."""
    return [_update(first + n, text) for n, text in enumerate(texts)]


def _update(n: int, text: str) -> Update:
    chance = random.Random(n)  # noqa: S311 - the same at each run
    user, chat = chance.randrange(USERS), chance.randrange(CHATS)
    return {
        "update_id": FIRST_UPDATE + n,
        "message": message(n + 1, user, chat, BEGAN + 60 * n, text),
    }


def message(identifier: int, user: int, chat: int, date: int, text: str) -> dict[str, Any]:
    """A text message in a group; `date` is in epoch seconds."""
    name = NAMES[user % len(NAMES)]
    return {
        "message_id": identifier,
        "from": {
            "id": 700_000_001 + user,
            "is_bot": False,
            "first_name": name,
            "username": f"{name.lower()}_{user}",
            "language_code": "en",
        },
        "chat": {"id": -1_001_000_000_001 - chat, "title": f"Chat {chat + 1}", "type": "supergroup"},
        "date": date,
        "text": text,
    }


def lines(text: str) -> list[str]:
    """Texts that were kept one JSON string a line; a line that was cut off is left out."""
    kept: list[str] = []
    for line in io.StringIO(text):
        if line.endswith("\n"):
            kept.append(json.loads(line))
    return kept
