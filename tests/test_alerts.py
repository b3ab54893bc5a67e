"""What the live page shows, from what was read: without Kafka."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from jobs.alerts import alert, metrics
from jobs.alerts.alert import Alert
from jobs.alerts.latencies import Latencies
from jobs.alerts.shown import shown
from jobs.alerts.state import GAP, LAST, OF_EACH, SHOWN, State, Watched, is_burst
from jobs.errors import JobError

NOW = 1_800_000_000.5
GOOD: dict[str, Any] = {
    "id": "demo/3/1234",
    "topic": "demo",
    "partition": 3,
    "offset": 1234,
    "produced": int(NOW * 1000) - 2500,
    "scored": int(NOW * 1000) - 2000,
    "said": "dos",
    "probability": 0.97,
    "label": "neptune",
    "class": "dos",
    "model": 1,
    "protocol_type": "tcp",
    "service": "http",
    "src_bytes": 10,
    "dst_bytes": 0,
}


def made(said: str = "dos", **changed: Any) -> Alert:
    return alert.read(b"1-17", json.dumps(GOOD | {"said": said} | changed).encode())


def page(state: State, now: float = NOW) -> dict[str, Any]:
    said = shown(state, now, "demo", "alerts")
    return json.loads(json.dumps(said, allow_nan=False))


def watched(end: int, scored: dict[int, int] | None = None) -> Watched:
    return Watched({0: 0}, {0: end}, {0: 0} if scored is None else scored)


@pytest.mark.parametrize(
    "value, why",
    [
        (b"", "the value: Invalid JSON"),
        (b"\xff\xfe", "the value: Invalid JSON"),
        (b"[]", "the value: Input should be an object"),
        (json.dumps({**GOOD, "said": "normal"}).encode(), "said: Input should be 'dos'"),
        (json.dumps({**GOOD, "class": "<b>"}).encode(), "class"),
        (json.dumps({**GOOD, "scored": -1}).encode(), "scored"),
        (json.dumps({**GOOD, "src_bytes": 2**60}).encode(), "src_bytes"),
        (json.dumps({**GOOD, "probability": math.nan}).encode(), "probability"),
        (json.dumps({**GOOD, "label": "x" * 1001}).encode(), "label"),
        (json.dumps({name: value for name, value in GOOD.items() if name != "id"}).encode(), "id: Field required"),
    ],
)
def test_what_is_no_alert_is_refused_without_repeating_what_it_says(value: bytes, why: str) -> None:
    with pytest.raises(JobError, match=f"^{why}") as error:
        alert.read(None, value)
    assert "<b>" not in str(error.value)


@given(st.binary(max_size=300), st.binary(max_size=300) | st.none())
def test_no_record_breaks_the_reader_or_the_page(value: bytes, key: bytes | None) -> None:
    state = State(NOW)
    try:
        state.add(alert.read(key, value), NOW)
    except JobError as error:
        state.refuse(str(error))
    state.add(alert.read(key, json.dumps(GOOD).encode()), NOW)
    assert page(state)["alerts"]["malformed"] == 1
    assert len(page(state)["last"][0]["key"]) <= alert.LONGEST


@given(st.lists(st.integers(0, 10_000_000), min_size=1, max_size=300), st.sampled_from([0.5, 0.99, 1.0]))
def test_a_percentile_is_never_too_low_and_at_most_two_percent_too_high(times: list[int], share: float) -> None:
    latencies = Latencies()
    for each in times:
        latencies.add(each)
    exact = sorted(times)[max(0, math.ceil(share * len(times)) - 1)]
    found = latencies.percentile(share)
    assert found is not None
    assert exact - 0.1 <= found <= exact * 1.02 + 1
    assert latencies.count == len(times)


def test_latencies_of_a_year_fit_a_few_hundred_counters() -> None:
    latencies = Latencies()
    for milliseconds in range(0, 3_600_000, 7):
        latencies.add(milliseconds)
    assert len(latencies.counts) < 800
    assert Latencies().percentile(0.5) is None


def test_precision_counts_only_what_is_known_and_tells_the_class_from_attack_or_not() -> None:
    state = State(NOW)
    for said, actual in [("dos", "dos"), ("dos", "probe"), ("dos", "normal"), ("dos", None), ("u2r", None)]:
        state.add(made(said, **{"class": actual, "label": actual}), NOW)
    found = page(state)["precision"]
    assert found["dos"] == {"right": 1, "known": 3, "share": 0.3333}
    assert found["all"] == {"right": 1, "known": 3, "share": 0.3333}
    assert found["attack"] == {"right": 2, "known": 3, "share": 0.6667}
    assert found["u2r"] == {"right": 0, "known": 0, "share": None}


def test_a_burst_is_a_second_of_more_than_three_times_the_median_of_the_minute_before() -> None:
    assert not is_burst(300, [100] * 60)
    assert is_burst(301, [100] * 60)
    assert not is_burst(10_000, [100] * 9)  # too little is known
    assert not is_burst(10_000, [0] * 60)  # nothing stands out of silence
    assert is_burst(301, [100] * 40 + [50_000] * 20)  # other bursts don't hide it
    state, end = State(NOW), 0
    for second in range(80):
        end += 1000 if second in (40, 41) else 100
        state.watch(watched(end), NOW + second)
    said = page(state, NOW + 80)
    assert said["bursts"] == 2
    first = said["series"]["first"]
    assert [first + each - int(NOW) for each in said["series"]["bursts"]] == [39, 40]


def test_what_happened_while_nobody_looked_is_unknown_not_a_burst() -> None:
    state = State(NOW)
    for second in range(20):
        state.watch(watched(second * 100), NOW + second)
    state.watch(watched(1_000_000), NOW + 19 + GAP + 1)
    state.watch(watched(1_000_100), NOW + 19 + GAP + 2)
    state.watch(watched(5), NOW + 19 + GAP + 3)  # the topic was made anew
    said = page(state, NOW + 19 + GAP + 3)
    assert said["bursts"] == 0
    assert said["series"]["records"][-7:] == [100, None, None, None, None, 100, None]
    assert max(each or 0 for each in said["series"]["records"]) == 100


def test_the_lag_counts_only_what_the_topic_still_holds() -> None:
    assert Watched({0: 50, 1: 0}, {0: 100, 1: 10}, {0: 20}).lag == 50 + 10
    assert Watched({0: 0}, {0: 100}, {0: 120}).lag == 0
    assert Watched({0: 0}, {0: 100}, {}).lag is None


def test_latency_is_of_the_last_minute_and_of_all() -> None:
    state = State(NOW)
    state.add(made(scored=int(NOW * 1000) - 100_000, produced=int(NOW * 1000) - 109_000), NOW)
    state.add(made(), NOW)
    state.add(made(produced=GOOD["scored"] + 5000), NOW)  # a clock that is ahead
    found = page(state)["latency"]
    assert (found["minute"]["count"], found["all"]["count"]) == (2, 3)
    assert found["minute"]["p99"] == pytest.approx(500, rel=0.02)
    assert found["all"]["p99"] == pytest.approx(9000, rel=0.02)
    assert found["minute"]["p50"] == 0


def test_a_rare_class_can_be_looked_at_among_many() -> None:
    state = State(NOW)
    state.add(made("u2r", id="rare"), NOW)
    for number in range(3 * LAST):
        state.add(made(id=str(number)), NOW)
    ids = [each["id"] for each in page(state)["last"]]
    assert ids[:LAST] == [str(number) for number in reversed(range(2 * LAST, 3 * LAST))]
    assert ids[LAST:] == ["rare"]
    assert len(set(ids)) == len(ids)


def test_the_state_stays_small_however_much_was_read_and_whatever_times_it_bears() -> None:
    state = State(NOW)
    sizes = []
    for second in range(1500):
        now = NOW + second
        state.watch(watched(second * 100), now)
        for said in ("dos", "probe", "r2l", "u2r"):
            state.add(made(said, scored=int(now * 1000)), now)
        state.add(made(scored=2**52, produced=0), now)
        state.add(made(scored=0), now)
        if second in (1000, 1499):
            sizes.append((len(state.seconds), len(state.rates), len(json.dumps(page(state, now)))))
    assert sizes[0][:2] == sizes[1][:2]
    assert sizes[1][2] < 80_000
    assert len(page(state, NOW + 1500)["last"]) <= LAST + 4 * OF_EACH
    assert len(page(state, NOW + 1500)["series"]["records"]) == SHOWN


def test_a_page_without_alerts_says_what_to_run_next() -> None:
    state = State(NOW)
    assert page(state)["advice"] == ""  # nothing is known yet
    state.watch(watched(0, {}), NOW)
    assert "replay send connections --topic=demo" in page(state)["advice"]
    state.watch(watched(10, {}), NOW)
    assert page(state)["advice"] == "headrace forest score --topic=demo"
    state.watch(watched(10, {0: 10}), NOW)
    assert page(state)["advice"] == "headrace forest evaluate --topic=demo"
    state.add(made(), NOW)
    assert page(state)["advice"] == ""


def test_trouble_is_said_and_silence_is_trouble() -> None:
    state = State(NOW)
    assert page(state)["trouble"] == ""
    assert page(state, NOW + 7)["trouble"] == "Kafka has not answered for 7 s"
    state.watch(watched(0), NOW + 8)
    assert page(state, NOW + 9)["trouble"] == ""
    state.troubles["source"] = ("there is no topic demo", "headrace topics apply")
    assert (page(state, NOW + 9)["trouble"], page(state, NOW + 9)["hint"]) == state.troubles["source"]


def test_prometheus_sees_the_same_figures() -> None:
    state = State(NOW)
    state.add(made(), NOW)
    state.add(made("probe"), NOW)
    state.refuse("bad")
    families = list(text_string_to_metric_families(metrics.text(state, NOW, 'de"mo', "alerts").decode()))
    found = {(sample.name, sample.labels.get("said", "")): sample.value for each in families for sample in each.samples}
    assert found["headrace_alerts_total", "dos"] == 1
    assert found["headrace_alerts_right_total", "probe"] == 0
    assert found["headrace_alerts_malformed_total", ""] == 1
    assert ("headrace_alerts_lag_records", "") not in found  # it is not known
    assert {sample.labels["topic"] for each in families for sample in each.samples} == {'de"mo'}
