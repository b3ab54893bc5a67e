"""Why a connector failed, and whether another try can help: pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Kind = Literal["auth", "class", "config", "schema", "conflict", "network", "unknown"]


@dataclass(frozen=True)
class Cause:
    """The root cause of a failure.

    Args:
        kind: What sort of cause it is.
        line: Its first line, as Java said it, without secrets.
        permanent: Whether the same try must fail again.
        mend: What to do.
    """

    kind: Kind
    line: str
    permanent: bool
    mend: str


RULES: tuple[tuple[Kind, str], ...] = (
    (
        "conflict",
        r"terminated by other getUpdates|can't use getUpdates method while webhook|\b409\b.*(?i:conflict)",
    ),
    (
        "auth",
        r"(Sasl|Ssl)Authentication|IllegalSaslState|SaslMechanism|AuthorizationException|AuthenticationException|SSLHandshake|CertPath"
        r"|InvalidClientTokenId|InvalidAccessKeyId|SignatureDoesNotMatch|UnrecognizedClient|AccessDenied|Forbidden"
        r"|Unauthorized|[Ss]tatus ?[Cc]ode:? (401|403)\b|\bHTTP (401|403)\b|Unable to load credentials"
        r"|security token included in the request is invalid|refuses the token",
    ),
    (
        "class",
        r"ClassNotFound|NoClassDefFound|NoSuchMethod|NoSuchField|UnsupportedClassVersion|IncompatibleClassChange"
        r"|AbstractMethodError|Failed to find any class|ServiceConfigurationError|No component found with scheme"
        r"|check your classpath",
    ),
    (
        "schema",
        r"DataException|SerializationException|SchemaParse|SchemaBuilder|JsonParse|JsonProcessing|MalformedInput"
        r"|InvalidFormat|MismatchedInput|Tolerance exceeded|(InvalidMessageContents|RecordTooLarge)Exception",
    ),
    (
        "config",
        r"ConfigException|ResolveEndpointFailed|NoSuchEndpoint|FailedToCreateRoute|FailedToStartRoute"
        r"|PropertyBindingException|InvalidTopicException|NoSuchFile|FileNotFound|URISyntax|MalformedURL"
        r"|QueueDoesNotExist|NonExistentQueue",
    ),
    (
        "network",
        r"RetriableException|TimeoutException|java\.net\.\w+|UnknownHost|SocketTimeout|Connection (refused|reset)"
        r"|ClosedChannel|IOException|DisconnectException|NotLeader|NotEnoughReplicas|CoordinatorNotAvailable"
        r"|SdkClientException|[Ss]tatus ?[Cc]ode:? (429|5\d\d)\b|Throttl|Too Many Requests|RebalanceInProgress"
        r"|WakeupException|NetworkException",
    ),
)
"""What tells the kinds apart, tried on each cause from the root outwards; the first kind that fits is it."""

PERMANENT: frozenset[Kind] = frozenset({"auth", "class", "config", "schema", "conflict"})

MEND: dict[Kind, str] = {
    "auth": "renew the credentials in the worker's environment, or grant the right; then headrace connectors restart",
    "class": "add the plugin to the worker's plugin.path (its version must fit), and restart the worker",
    "config": "correct connectors.yaml, then headrace connectors apply",
    "schema": "mend the records or the converter, or set errors.tolerance: all with a dead letter queue in "
    "connectors.yaml, then headrace connectors apply",
    "conflict": "stop the other poller of this token or delete its webhook, then headrace connectors restart",
    "network": "headrace connectors restart (it waits longer after each try)",
    "unknown": "read the worker's log; then headrace connectors restart",
}

SECRET = re.compile(
    r"(/bot)\d+:[\w-]+|((?:[\w.-]*(?:token|password|secret|accessKey|access\.key)[\w.-]*)\s*[=:]\s*)[^\s&,;)}\]\"']+"
    r"|(://[^/@\s:]+:)[^/@\s]+(?=@)",
    re.IGNORECASE,
)
"""What a message of Java may repeat of a configuration whose references it has resolved."""


def classify(trace: str) -> Cause:
    """What a stack trace comes to: the first kind that fits, from the root outwards.

    A wrapper counts only when what it wraps says nothing: `Tolerance exceeded` is about a record, unless
    the connection was refused.
    """
    fits: Iterator[Kind] = (
        kind for line in reversed(causes(trace)) for kind, pattern in RULES if re.search(pattern, line)
    )
    kind = next(fits, None) or "unknown"
    return Cause(kind, root_cause(trace), kind in PERMANENT, MEND[kind])


def root_cause(trace: str) -> str:
    """The first line of the last cause in a Java stack trace, without what looks secret."""
    return shown(causes(trace)[-1])


def causes(trace: str) -> list[str]:
    """The first line of each cause of a Java stack trace, the outermost first."""
    inner = [line.removeprefix("Caused by: ") for line in trace.splitlines() if line.startswith("Caused by: ")]
    return [each.strip() for each in (trace.partition("\n")[0], *inner)]


def shown(line: str) -> str:
    """A line of another program as it may be shown: without what looks secret."""
    return SECRET.sub(lambda found: f"{found[1] or found[2] or found[3]}(hidden)", line)
