"""What a connector's configuration must and must not say, as far as Connect itself does not check it: pure."""

import re
from collections.abc import Iterator, Mapping

from jobs.declared import did_you_mean

SECRET = re.compile(
    r"(passw(or)?d|passphrase|secret|token|credentials?|(access|api|private|secret|account|shared)[._-]?key"
    r"|user\.info|connection[._-]?string)$",
    re.IGNORECASE,
)
"""How the last part of a key ends when its value is secret."""

REFERENCE = re.compile(r"\$\{[a-zA-Z0-9_-]+:[^{}]+\}")
"""What a config provider resolves on the worker: ${env:TOKEN}, ${secrets:namespace/name:key}."""

CAMEL = "org.apache.camel.kafkaconnector.Camel"

REQUIRED = {"telegram": ("authorizationToken",), "aws2-sqs": ("region",)}
"""The endpoint parameters without which a Camel component starts, reports RUNNING, and does nothing."""


def problems(config: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Every (key, reason) that is wrong with a configuration."""
    if "connector.class" not in config:
        yield "connector.class", "is required"
    for key, value in config.items():
        if key.startswith("camel.") and key.endswith(".url"):
            continue
        if SECRET.search(key) and not is_reference(value):
            yield key, _literal("it")
        elif key.endswith("jaas.config") and re.search(r'(?i)(password|secret)\s*=\s*"?(?!\$\{)', value):
            yield key, _literal("its password")
        elif re.search(r"://[^/@\s:]+:(?!\$\{)[^/@\s]+@", value):
            yield key, _literal("the password in its URL")
    yield from _camel(config)


def is_reference(value: str) -> bool:
    """Whether a value is nothing but a reference to a config provider."""
    return bool(REFERENCE.fullmatch(value.removeprefix("RAW(").removesuffix(")")))


def hidden(key: str, value: str | None) -> str | None:
    """The value as it may be shown: without what is, or looks, secret."""
    if value is None:
        return None
    if key.endswith("jaas.config") or (SECRET.search(key) and not is_reference(value)):
        return "(hidden)"
    value = re.sub(r"(://[^/@\s:]+:)(?!\$\{)[^/@\s]+@", r"\1(hidden)@", value)
    return re.sub(
        r"([?&])([\w.-]+)=([^&]*)",
        lambda each: (
            f"{each[1]}{each[2]}=(hidden)" if SECRET.search(each[2]) and not is_reference(each[3]) else each[0]
        ),
        value,
    )


def telegram_bot(config: Mapping[str, str]) -> str:
    """Which bot a Telegram source polls, by the reference to its token and where its server is; nothing if none."""
    scheme, _, parameters = endpoint(config.get("camel.source.url", ""))
    token = parameters.get("authorizationToken", "").removeprefix("RAW(").removesuffix(")")
    return f"{token}@{parameters.get('baseUri', '')}" if scheme == "telegram" and token else ""


def _camel(config: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    plugin = config.get("connector.class", "")
    if not plugin.startswith(CAMEL):
        return
    key = "camel.sink.url" if "Sink" in plugin else "camel.source.url"
    if not config.get(key):
        if f"{key.removesuffix('url')}component" not in config:
            yield key, "is required: Camel starts without it and carries nothing"
        return
    yield from ((key, why) for why in _parameters(*endpoint(config[key])))
    if telegram_bot(config) and config.get("tasks.max", "1") != "1":
        yield "tasks.max", "must be 1: Telegram answers 409 to a second poller of one token"


def _parameters(scheme: str, path: str, parameters: Mapping[str, str]) -> Iterator[str]:
    for name, value in parameters.items():
        if SECRET.search(name) and not is_reference(value):
            yield f"{name}: {_literal('it')}"
    if not path:
        yield f"{scheme}: says no name, such as {scheme}:NAME?..."
    for name in REQUIRED.get(scheme, ()):
        if not parameters.get(name):
            yield f"{scheme} needs the parameter {name}{did_you_mean(name, set(parameters))}"
    if scheme == "aws2-sqs":
        yield from _sqs(parameters)


def _sqs(parameters: Mapping[str, str]) -> Iterator[str]:
    chain = parameters.get("useDefaultCredentialsProvider") == "true"
    if not chain and not {"accessKey", "secretKey"} <= parameters.keys():
        yield "aws2-sqs needs useDefaultCredentialsProvider=true (best), or accessKey and secretKey as references"
    if parameters.get("overrideEndpoint") == "true" and not parameters.get("uriEndpointOverride"):
        yield "aws2-sqs with overrideEndpoint=true needs uriEndpointOverride"


def endpoint(url: str) -> tuple[str, str, dict[str, str]]:
    """A Camel URL's scheme, path, and parameters: `telegram:bots?limit=100`."""
    address, _, query = url.partition("?")
    scheme, _, path = address.partition(":")
    pairs = (pair.partition("=") for pair in query.split("&") if pair)
    return scheme, path.strip("/"), {name: value for name, _, value in pairs}


def _literal(what: str) -> str:
    return f"{what} is written out; let the worker read it: ${{env:NAME}}, or another config provider"
