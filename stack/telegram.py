"""A stand-in for Telegram's Bot API, whose servers can't be had on one machine.

Source of its rules: https://core.telegram.org/bots/api. What is under /stand-in is not Telegram's.
"""

import asyncio
import json
import os
import re
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from stack.inbox import Inbox, TerminatedError
from stack.layout import ROOT
from stack.updates import CHATS, message

CONFLICT = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
BOT = {"id": 123456789, "is_bot": True, "first_name": "Headrace", "username": "headrace_bot"}


class BotError(Exception):
    """An answer that is not ok: HTTP status and the Bot API's description."""

    def __init__(self, code: int, description: str) -> None:
        super().__init__(description)
        self.code = code


def application(inbox: Inbox, token: str) -> Starlette:
    """The server of one bot."""
    methods = _Methods(inbox)

    async def call(request: Request) -> JSONResponse:
        try:
            _authorise(request.path_params["token"], token)
            result = await methods.named(request.path_params["method"])(await _parameters(request))
        except BotError as error:
            said = {"ok": False, "error_code": error.code, "description": str(error)}
            return JSONResponse(said, status_code=error.code)
        return JSONResponse({"ok": True, "result": result})

    async def show(_: Request) -> JSONResponse:
        return JSONResponse(
            {
                "source": inbox.source,
                "total": len(inbox.updates),
                "confirmed": inbox.confirmed,
                "pending": inbox.pending,
            }
        )

    async def add(request: Request) -> JSONResponse:
        try:
            texts = json.loads(await request.body())["texts"]
        except (ValueError, KeyError, TypeError):
            texts = None
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            return JSONResponse({"error": 'the body is {"texts": ["...", ...]}'}, status_code=400)
        new = await inbox.add([str(text) for text in texts])
        return JSONResponse({"added": len(new), "update_ids": [update["update_id"] for update in new]})

    return Starlette(
        routes=[
            Route("/bot{token}/{method}", call, methods=["GET", "POST"]),
            Route("/stand-in", show),
            Route("/stand-in/updates", add, methods=["POST"]),
        ],
        exception_handlers={404: _not_found},
    )


class _Methods:
    """The methods that the stand-in knows, by their lower-case names: Telegram ignores case."""

    def __init__(self, inbox: Inbox) -> None:
        self.inbox = inbox
        self.sent = 0

    def named(self, name: str) -> Callable[[dict[str, Any]], Awaitable[object]]:
        known = {
            "getme": self.get_me,
            "getupdates": self.get_updates,
            "sendmessage": self.send_message,
            "deletewebhook": self.delete_webhook,
            "getwebhookinfo": self.get_webhook_info,
        }
        try:
            return known[name.lower()]
        except KeyError:
            raise BotError(404, "Not Found") from None

    async def get_me(self, _: dict[str, Any]) -> object:
        return BOT | {"can_join_groups": True, "can_read_all_group_messages": True}

    async def get_updates(self, given: dict[str, Any]) -> object:
        offset, limit, timeout = (
            _integer(given, name, default) for name, default in (("offset", 0), ("limit", 100), ("timeout", 0))
        )
        allowed = given.get("allowed_updates") or []
        try:
            allowed = json.loads(allowed) if isinstance(allowed, str) else allowed
        except ValueError:
            raise BotError(400, "Bad Request: can't parse allowed updates JSON object") from None
        try:
            return await self.inbox.poll(offset, limit, timeout, wanted=not allowed or "message" in allowed)
        except TerminatedError:
            raise BotError(409, CONFLICT) from None

    async def send_message(self, given: dict[str, Any]) -> object:
        chat = _integer(given, "chat_id", 0)
        number = -1_001_000_000_001 - chat
        if not chat:
            raise BotError(400, "Bad Request: chat_id is empty")
        if not 0 <= number < CHATS:
            raise BotError(400, "Bad Request: chat not found")
        if not str(given.get("text") or "").strip():
            raise BotError(400, "Bad Request: message text is empty")
        self.sent += 1
        identifier = 1_000_000 + self.sent
        return message(identifier, 0, number, int(time.time()), str(given["text"])) | {"from": BOT}

    async def delete_webhook(self, _: dict[str, Any]) -> object:
        return True

    async def get_webhook_info(self, _: dict[str, Any]) -> object:
        return {"url": "", "has_custom_certificate": False, "pending_update_count": self.inbox.pending}


def _authorise(given: str, token: str) -> None:
    if not re.fullmatch(r"\d+:[\w-]+", given):
        raise BotError(404, "Not Found")
    if given != token:
        raise BotError(401, "Unauthorized")


def _integer(given: dict[str, Any], name: str, default: int) -> int:
    try:
        return int(given.get(name) or default)
    except (TypeError, ValueError):
        raise BotError(400, f"Bad Request: parameter {name} must be an integer") from None


async def _parameters(request: Request) -> dict[str, Any]:
    """Parameters as the Bot API takes them: query, form or JSON."""
    given: dict[str, Any] = dict(request.query_params)
    body, kind = await request.body(), request.headers.get("content-type", "")
    if body and "json" in kind:
        try:
            parsed = json.loads(body)
        except ValueError:
            raise BotError(400, "Bad Request: can't parse JSON object") from None
        return given | parsed if isinstance(parsed, dict) else given
    return given | dict(parse_qsl(body.decode(errors="replace"))) if "urlencoded" in kind else given


async def _not_found(_: Request, __: Exception) -> JSONResponse:
    return JSONResponse({"ok": False, "error_code": 404, "description": "Not Found"}, status_code=404)


async def serve() -> None:
    """Serve what the environment of the stack says until told to stop."""
    data = Path(os.environ.get("HEADRACE_DATA") or ROOT.parent / "shared" / "data")
    inbox = Inbox(Path(os.environ["HEADRACE_STATE"]) / "telegram", data)
    port = int(os.environ["HEADRACE_TELEGRAM_PORT"])
    sys.stderr.write(f"serving {len(inbox.updates)} updates, {inbox.confirmed} confirmed: {inbox.source}\n")
    config = uvicorn.Config(
        application(inbox, os.environ["TELEGRAM_TOKEN"]),
        host=os.environ.get("HEADRACE_TELEGRAM_HOST", "127.0.0.1"),
        port=port,
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=1,
    )
    await uvicorn.Server(config).serve()


if __name__ == "__main__":
    asyncio.run(serve())
