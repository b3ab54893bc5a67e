"""The HTTP API: the state of the pipeline, the documents that it made, and a page that shows it all."""

from typing import Literal

from limits import RateLimitItem, parse

from jobs import keys, settings, web
from jobs.api.app import application
from jobs.api.door import WRONG, Door, Rate
from jobs.api.sources import real
from jobs.api.tokens import Tokens
from jobs.errors import UsageError
from jobs.job import job

NEEDS = ("kafka", "connect", "lake", "mongodb", "api")


@job("api", cpu="500m", memory="512Mi", minutes=24 * 60, needs=NEEDS)
def serve(
    *,
    port: int = 8080,
    host: str = "127.0.0.1",
    auth: Literal["on", "off"] = "on",
    rate: str = "100/second",
    look_every: int = 10,
    connect: bool = True,
    alerts: str = "alerts",
) -> None:
    """Serve the API, its Swagger UI (/docs) and the page with the state of the pipeline (/), until told to end.

    Who may ask is said by KEYS_FILE or KEYS_SHA256 (`headrace keys make`), and by OIDC_ISSUER with OIDC_AUDIENCE.

    Args:
        port: Where to listen; 0 for any port that is free, which the log says.
        host: The address to listen on; 0.0.0.0 in a pod.
        auth: off lets everybody ask who reaches the address, which must be one of loopback.
        rate: How often each key, or each address without keys, may ask: 100/second, 6000/minute.
        look_every: For how many seconds what was read of the pipeline is good.
        connect: Look at Kafka Connect too.
        alerts: The topic of the model's alerts.

    Raises:
        UsageError: Nobody could be let in, `rate` is none, or auth is off where others reach it.
        JobError: The port is taken, or the keys cannot be read.
    """
    if auth == "off" and not web.loopback(host):
        raise UsageError(f"--auth=off is for this machine alone, and others reach {host}", hint="--host=127.0.0.1")
    sources = real(every=look_every, connect=connect, topic=alerts)
    app = application(sources, door(Rate(limit(rate)), open=auth == "off"))
    sources.begin()
    web.serve(app, host, port, what="the API", authenticated=auth == "on")


def door(rate: Rate, *, open: bool) -> Door:
    """Who is let in, as the environment says.

    Args:
        rate: How often each may ask.
        open: Everybody is let in.

    Raises:
        UsageError: Nobody could be let in.
        JobError: The keys cannot be read.
    """
    wrong = parse(f"{WRONG}/minute")
    if open:
        return Door(rate, wrong, open=True)
    oidc, known = settings.load(settings.Oidc), keys.load()
    if bool(oidc.issuer) != bool(oidc.audience):
        raise UsageError("OIDC_ISSUER and OIDC_AUDIENCE belong together: a token must be meant for this API")
    tokens = Tokens(oidc.issuer, oidc.audience, oidc.jwks_url) if oidc.issuer else None
    if tokens is None and not len(known):
        raise UsageError(
            "nobody has a key, so nobody could ask",
            hint="headrace keys make NAME --file=FILE and KEYS_FILE=FILE, or --auth=off on this machine",
        )
    return Door(rate, wrong, known, tokens)


def limit(text: str) -> RateLimitItem:
    """A rate such as 100/second.

    Raises:
        UsageError: It is none.
    """
    try:
        return parse(text)
    except ValueError as error:
        raise UsageError(f"{text!r} is no rate: write it as 100/second or 6000/minute") from error
