"""Who asks, and how often they may."""

import logging
import time
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer
from limits import RateLimitItem
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from jobs.api.problems import ProblemError
from jobs.api.tokens import TokenError, Tokens
from jobs.keys import Keys

log = logging.getLogger(__name__)

WRONG = 20
"""How many wrong keys or tokens an address may show a minute; then it must wait, and nothing is checked."""

bearer = HTTPBearer(auto_error=False, description="A key of `headrace keys make`, or a token of the OIDC issuer.")
header = APIKeyHeader(name="X-API-Key", auto_error=False, description="A key of `headrace keys make`.")


class Rate:
    """How often each one may ask, counted in this process.

    Args:
        item: How many requests in which time, for each caller.
    """

    def __init__(self, item: RateLimitItem) -> None:
        self.item = item
        self._limiter = FixedWindowRateLimiter(MemoryStorage())

    def hit(self, who: str, item: RateLimitItem | None = None) -> None:
        """Count one request.

        Raises:
            ProblemError: It is one too many.
        """
        if not self._limiter.hit(item or self.item, who):
            raise self._refused(who, item or self.item)

    def must_have_room(self, who: str, item: RateLimitItem) -> None:
        """Refuse whoever has used up a limit that is counted elsewhere.

        Raises:
            ProblemError: It is used up.
        """
        if not self._limiter.test(item, who):
            raise self._refused(who, item)

    def _refused(self, who: str, item: RateLimitItem) -> ProblemError:
        wait = max(1, round(self._limiter.get_window_stats(item, who).reset_time - time.time()))
        return ProblemError(429, f"more than {item}", hint=f"ask again in {wait} s", headers={"Retry-After": str(wait)})


@dataclass(frozen=True)
class Door:
    """Lets in who has a key or a token.

    Args:
        rate: How often each may ask.
        wrong: How often an address may be wrong.
        keys: Who has which key; None if nobody has.
        tokens: Whose tokens are believed; None if nobody's.
        open: Everybody is let in; only the machine itself can reach it.
    """

    rate: Rate
    wrong: RateLimitItem
    keys: Keys | None = None
    tokens: Tokens | None = None
    open: bool = False

    async def admit(self, request: Request, shown: str) -> str:
        """Who it is; nothing else is done for a request that is not let in.

        Args:
            request: The request.
            shown: The key or the token.

        Raises:
            ProblemError: 401, or 429 when it is one request too many.
            JobError: The issuer of tokens does not answer.
        """
        address = request.client.host if request.client else "somewhere"
        if self.open:
            self.rate.hit(address)
            return "anybody"
        self.rate.must_have_room(f"wrong {address}", self.wrong)
        who = await self._who(shown) if shown else None
        if who is None:
            self.rate.hit(f"wrong {address}", self.wrong)
            raise ProblemError(
                401,
                "this key or token is not known" if shown else "this needs a key or a token",
                hint="send Authorization: Bearer KEY, or X-API-Key: KEY",
                headers={"WWW-Authenticate": 'Bearer realm="headrace"'},
            )
        self.rate.hit(who)
        return who

    async def _who(self, shown: str) -> str | None:
        if self.keys is not None and (name := self.keys.who(shown)):
            return f"key {name}"
        if self.tokens is None or shown.count(".") != 2:
            return None
        try:
            return f"token {await run_in_threadpool(self.tokens.who, shown)}"
        except TokenError as error:
            log.info("a token is not believed: %s", error)
            return None


async def admitted(
    request: Request,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
    key: Annotated[str | None, Depends(header)],
) -> str:
    """Whom the application's door lets in."""
    door: Door = request.app.state.door
    return await door.admit(request, credentials.credentials if credentials else key or "")


async def anybody(request: Request) -> str:
    """Everybody, but not too often."""
    door: Door = request.app.state.door
    return await door.admit(request, "")
