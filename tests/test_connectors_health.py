"""Permanent causes are told from passing ones, restarts wait longer each time, a move is counted before it is made."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from jobs.connectors import history, moves, restarts, telegram
from jobs.connectors.causes import classify, shown
from jobs.connectors.moves import Step, To
from jobs.connectors.restarts import failures, pause
from jobs.connectors.states import Histories, Mark, Part, judge, refused
from jobs.errors import UsageError

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
CONNECT = "org.apache.kafka.connect.errors."
TOLERANCE = f"{CONNECT}ConnectException: Tolerance exceeded in error handler\n\tat x\n"


def chain(*lines: str) -> str:
    return "\nCaused by: ".join(f"{line}\n\tat a.B.c(D.java:1)" for line in lines)


@pytest.mark.parametrize(
    "trace, kind, permanent",
    [
        # As this stack's worker said them.
        (chain(f"{CONNECT}ConnectException: Failed to create and start Camel context",
               "org.apache.camel.FailedToCreateRouteException: Failed to create route",
               "org.apache.camel.ResolveEndpointFailedException: Failed to resolve endpoint: nosuch://thing due to: "
               "No component found with scheme: nosuch",
               "org.apache.camel.NoSuchEndpointException: No component found with scheme: nosuch"), "class", True),
        (chain(f"{CONNECT}ConnectException: Exchange delivery has failed!",
               "org.apache.camel.NoSuchEndpointException: No endpoint could be found for: nosuch://thing, please check "
               "your classpath contains the needed Camel component jar."), "class", True),
        (chain(f"{CONNECT}ConnectException: Exchange delivery has failed!",
               "org.apache.camel.ResolveEndpointFailedException: Failed to resolve endpoint: aws2-sqs://q",
               "java.lang.IllegalArgumentException: AmazonSQSClient or accessKey and secretKey must be specified."),
         "config", True),
        ("org.apache.kafka.common.errors.IllegalSaslStateException: Unexpected handshake request", "auth", True),
        (chain(f"{CONNECT}DataException: Converting byte[] to Kafka Connect data failed due to serialization error: ",
               "org.apache.kafka.common.errors.SerializationException: java.io.IOException: Unexpected character",
               "com.fasterxml.jackson.core.JsonParseException: Unrecognized token 'poison'"), "schema", True),
        (chain(f"{CONNECT}ConnectException: Exchange delivery has failed!",
               "software.amazon.awssdk.core.exception.SdkClientException: Unable to execute HTTP request",
               "java.net.ConnectException: Connection refused"), "network", False),
        (chain(f"{CONNECT}ConnectException: x",
               "software.amazon.awssdk.services.sqs.model.SqsException: The security token included in the request is "
               "invalid. (Service: Sqs, Status Code: 403, Request ID: 0)"), "auth", True),
        # As the services are known to say them.
        (chain("org.apache.kafka.common.errors.SslAuthenticationException: SSL handshake failed",
               "javax.net.ssl.SSLHandshakeException: PKIX path building failed"), "auth", True),
        ("org.apache.kafka.common.errors.SaslAuthenticationException: Authentication failed", "auth", True),
        ("org.apache.kafka.common.errors.TopicAuthorizationException: Not authorized: [t]", "auth", True),
        ("org.apache.kafka.common.errors.GroupAuthorizationException: Not authorized: g", "auth", True),
        (chain(f"{CONNECT}ConnectException: x", "Unable to load credentials from any of the providers"), "auth", True),
        ("java.lang.IllegalStateException: HTTP 401 Unauthorized", "auth", True),
        ("java.lang.ClassNotFoundException: a.B", "class", True),
        ("java.lang.NoClassDefFoundError: a/B", "class", True),
        ("java.lang.NoSuchMethodError: 'void a.B.c()'", "class", True),
        ("java.util.ServiceConfigurationError: a.B: Provider could not be instantiated", "class", True),
        ("java.lang.UnsupportedClassVersionError: a/B has been compiled by a more recent version", "class", True),
        (TOLERANCE, "schema", True),
        (chain(TOLERANCE, "java.net.SocketTimeoutException: Read timed out"), "network", False),
        ("org.apache.kafka.common.errors.RecordTooLargeException: 2000000 bytes", "schema", True),
        ("org.apache.kafka.common.config.ConfigException: Missing required configuration \"file\"", "config", True),
        ("java.nio.file.NoSuchFileException: /x", "config", True),
        ("java.net.URISyntaxException: Illegal character", "config", True),
        ("TelegramException: 409 Conflict: terminated by other getUpdates request", "conflict", True),
        ("org.apache.kafka.common.errors.TimeoutException: Topic t not present in metadata", "network", False),
        (f"{CONNECT}RetriableException: again", "network", False),
        ("java.net.UnknownHostException: host", "network", False),
        (chain("x", "SqsException: slow down (Service: Sqs, Status Code: 503, Request ID: 0)"), "network", False),
        ("java.lang.NullPointerException", "unknown", False),
        ("", "unknown", False),
    ],
)  # fmt: skip
def test_causes_are_told_apart(trace: str, kind: str, permanent: bool) -> None:
    found = classify(trace)
    assert (found.kind, found.permanent) == (kind, permanent)
    assert found.mend


@pytest.mark.parametrize(
    "said",
    [
        "GET https://api.telegram.org/bot123:hunter2-x/getMe failed",
        "bad url telegram:bots?authorizationToken=123:hunter2&limit=1",
        "jdbc:postgresql://me:hunter2@host/db",
        "org.x.Jaas required password=hunter2;",
        "{accessKey=hunter2, secretKey=hunter2}",
    ],
)
def test_a_message_of_java_is_shown_without_what_looks_secret(said: str) -> None:
    assert "hunter2" not in shown(said)
    assert "hunter2" not in classify(f"a.B: x\nCaused by: a.C: {said}").line


def status(connector: str, *tasks: str, trace: str = "java.net.ConnectException: refused") -> dict[str, Any]:
    return {
        "type": "sink",
        "connector": {"state": connector},
        "tasks": [
            {"id": n, "state": state, **({"trace": trace} if state == "FAILED" else {})}
            for n, state in enumerate(tasks)
        ],
    }


def past(*marks: tuple[float, str], task: int | None = 0) -> Histories:
    """What one part of connector a did, at so many minutes before now."""
    return {("a", task): [Mark(NOW - timedelta(minutes=ago), state) for ago, state in marks]}


def test_pauses_are_strimzis() -> None:
    assert [pause(n) / timedelta(minutes=1) for n in range(10)] == [0, 2, 6, 12, 20, 30, 42, 56, 60, 60]


@pytest.mark.parametrize(
    "histories, restarted, wait",
    [
        (None, 0, 0),
        ({}, 0, 0),
        (past((9, "RUNNING"), (1, "FAILED")), 0, 0),
        (past((9, "RUNNING"), (1.9, "FAILED"), (1.8, "RUNNING"), (1.7, "FAILED")), 1, 0.2),
        (past((9, "FAILED"), (8, "RESTARTING"), (7.9, "FAILED"), (5, "RUNNING"), (4.9, "FAILED")), 2, 1),
        # It ran for an hour after its first restart, so this is another failure.
        (past((70, "FAILED"), (69, "RUNNING"), (5, "FAILED")), 0, 0),
        # Restarting and running is one restart, not two.
        (past((9, "FAILED"), (8, "RESTARTING"), (7.99, "UNASSIGNED"), (7.98, "RUNNING"), (7.9, "FAILED")), 1, 0),
        (past((9, "FAILED"), (8, "RUNNING"), (7.9, "FAILED"), (5, "DESTROYED"), (1, "RUNNING"), (1, "FAILED")), 0, 0),
    ],
)
def test_what_failed_waits_longer_each_time(histories: Histories | None, restarted: int, wait: float) -> None:
    [found] = failures({"a": status("RUNNING", "FAILED", "RUNNING")}, histories, NOW, 10)
    assert (found.task, found.restarts) == (0, restarted)
    assert found.due
    assert (found.due - NOW) / timedelta(minutes=1) == pytest.approx(wait, abs=0.01)


def test_what_cannot_get_better_is_never_tried_and_what_does_not_is_given_up() -> None:
    permanent = status("RUNNING", "FAILED", trace="java.lang.ClassNotFoundException: x")
    assert failures({"a": permanent}, None, NOW, 10)[0].due is None
    often = past(*[(90 - n, ("FAILED", "RUNNING")[n % 2]) for n in range(21)])
    assert failures({"a": status("RUNNING", "FAILED")}, often, NOW, 3)[0].due is None
    assert failures({"a": status("RUNNING", "RUNNING")}, often, NOW, 3) == []


def test_a_connector_that_failed_is_a_part_of_its_own() -> None:
    both = failures({"a": {**status("FAILED", "FAILED"), "connector": {"state": "FAILED", "trace": "x"}}}, {}, NOW, 10)
    assert [each.task for each in both] == [None, 0]
    assert restarts.tried(both[0], "waits").due == "2026-01-01T12:00:00+00:00"


def test_since_when_is_said_or_that_nobody_knows() -> None:
    given = status("RUNNING", "RUNNING", "FAILED")
    history: Histories = {
        ("a", 1): [Mark(NOW - timedelta(hours=n), state) for n, state in ((3, "RUNNING"), (2, "FAILED"))]
    }
    assert judge("a", given, history).since == "2026-01-01T10:00:00+00:00"
    assert judge("a", given, {}).since == "Connect no longer says"
    assert "CONNECT_STATUS_TOPIC" in judge("a", given).since
    again = past((9, "RUNNING"), (8, "UNASSIGNED"), (7, "RUNNING"), (6, "RUNNING"), task=None)
    assert judge("a", status("RUNNING", "RUNNING"), again).since == "2026-01-01T11:53:00+00:00"


def test_connects_own_records_are_read() -> None:
    found: dict[Part, list[Mark]] = {}
    for key, value in (
        ("status-connector-my-sink", b'{"state":"RUNNING","trace":null}'),
        ("status-task-my-sink-12", b'{"state":"FAILED","trace":"x"}'),
        ("status-task-my-sink-12", b""),
        ("status-topic-t:connector-my-sink", b'{"topic":{}}'),
    ):
        history.keep(found, key, value, 1_767_268_800_000)
    assert found == {
        ("my-sink", None): [Mark(NOW, "RUNNING")],
        ("my-sink", 12): [Mark(NOW, "FAILED"), Mark(NOW, "DESTROYED")],
    }


BOUNDS = {("t", 0): (10, 100), ("t", 1): (0, 50)}


@pytest.mark.parametrize(
    "now, targets, replayed, skipped",
    [
        ({("t", 0): 60, ("t", 1): 50}, {("t", 0): 10, ("t", 1): 0}, 100, 0),
        ({("t", 0): 60, ("t", 1): 50}, {("t", 0): 100, ("t", 1): 50}, 0, 40),
        ({("t", 0): 60, ("t", 1): 50}, {("t", 0): 70}, 0, 10),
        ({}, {("t", 0): 100, ("t", 1): 50}, 0, 140),  # it has read nothing, and would have begun at the first
        ({("t", 0): 2}, {("t", 0): 20}, 0, 10),  # what expired unread is not skipped by this
        ({("t", 0): 60}, {}, 0, 0),
    ],
)
def test_a_move_is_counted(now: Any, targets: Any, replayed: int, skipped: int) -> None:
    steps = moves.sink(now, BOUNDS, targets)
    assert (sum(each.replayed for each in steps), sum(each.skipped for each in steps)) == (replayed, skipped)


def test_an_offset_that_the_topic_does_not_have_is_refused() -> None:
    with pytest.raises(UsageError, match="t-0 has the offsets 10 to 100, and 101 is none"):
        moves.sink({}, BOUNDS, {("t", 0): 101})


@pytest.mark.parametrize(
    "text, meant",
    [
        ("earliest", To(edge="earliest")),
        ("latest", To(edge="latest")),
        ("17", To(offset=17)),
        ("0:17,1:4", To(each={"0": 17, "1": 4})),
        ("my-topic-0:17", To(each={"my-topic-0": 17})),
        ("2026-01-01T12:00Z", To(time=NOW)),
        ("2026-01-01T12:00", To(time=NOW)),
        ('{"position": 0}', To(position={"position": 0})),
    ],
)
def test_where_to(text: str, meant: To) -> None:
    assert moves.parse(text) == meant


@pytest.mark.parametrize("text", ["soon", "-1", "0:x", "{", "2026-13-01"])
def test_nowhere(text: str) -> None:
    with pytest.raises(UsageError, match="is no place to go on at"):
        moves.parse(text)


def test_partitions_are_named_by_number_where_that_is_enough() -> None:
    assert moves.named({"1": 4, "t-0": 2}, [*BOUNDS]) == {("t", 1): 4, ("t", 0): 2}
    with pytest.raises(UsageError, match="7 is none of its partitions: t-0, t-1"):
        moves.named({"7": 1}, [*BOUNDS])
    with pytest.raises(UsageError, match="0 is several"):
        moves.named({"0": 1}, [("t", 0), ("u", 0)])


def test_a_move_is_shown() -> None:
    steps = (Step("t-0", 60, 10, 10, 100, 50, 0), Step("t-1", None, 0, 0, 50))
    move = moves.Move("a", "sink", "alter", "RUNNING", steps, 50, 0)
    assert move.text().splitlines() == [
        "t-0: 60 -> 10  (topic: 10 to 100)",
        "t-1: (the beginning) -> 0  (topic: 0 to 50)",
        "alter a: would replay 50 and skip 0 records",
    ]


BOT = telegram.Bot("http://telegram", "123:hunter2")


def refusal(code: int, why: str) -> dict[str, Any]:
    return {"ok": False, "error_code": code, "description": why}


def answers(**said: dict[str, Any]) -> httpx.MockTransport:
    def answer(request: httpx.Request) -> httpx.Response:
        method = request.url.path.rpartition("/")[2]
        return httpx.Response(200, content=json.dumps({"ok": True, "result": {}} | said.get(method, {})))

    return httpx.MockTransport(answer)


@pytest.mark.parametrize(
    "said, why, kind",
    [
        ({}, "", ""),
        ({"getMe": refusal(401, "Unauthorized")}, "401 Unauthorized: Telegram refuses", "auth"),
        ({"getWebhookInfo": {"result": {"url": "https://x"}}}, "409 Conflict: can't use getUpdates", "conflict"),
        (
            {"getUpdates": {"ok": False, "error_code": 409, "description": "Conflict: terminated by other getUpdates"}},
            "409 Conflict: terminated",
            "conflict",
        ),
        ({"getMe": {"ok": False, "error_code": 502, "description": "Bad Gateway"}}, "cannot be asked", "unknown"),
    ],
)
def test_what_telegram_says_of_a_source_counts(said: dict[str, Any], why: str, kind: str) -> None:
    found = telegram.trouble(BOT, watch=0.3, transport=answers(**said))
    assert why in found
    assert bool(found) is bool(why)
    runs = judge("a", status("RUNNING", "RUNNING"))
    state = refused(runs, found)
    assert (state.problem, state.state) == (kind, "FAILED" if kind in ("auth", "conflict") else "RUNNING")


def test_telegram_that_cannot_be_reached_does_not_give_the_token_away() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError(f"no route to {request.url}")

    found = telegram.trouble(BOT, transport=httpx.MockTransport(refuse))
    assert "no route to http://telegram/bot(hidden)/getMe" in found
    assert "hunter2" not in found + repr(BOT)


def test_the_bot_is_found_in_a_resolved_configuration() -> None:
    url = "telegram:bots?authorizationToken=RAW(1:x)&baseUri=http://here"
    assert telegram.bot({"camel.source.url": url}) == telegram.Bot("http://here", "1:x")
    assert telegram.bot({"camel.source.url": "timer:x"}) is None
    assert telegram.bot({}) is None
