"""Events and their times follow from a seed alone, and what is there already is left out."""

import gzip
import json
from itertools import pairwise
from math import nan
from pathlib import Path
from time import monotonic
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree
from zlib import crc32

import pytest
from prometheus_client import generate_latest

from jobs.datasets import events
from jobs.datasets.events import vehicles
from jobs.errors import UsageError
from jobs.probes import HANGS
from jobs.replay import left
from jobs.replay.pacing import LARGEST, MOST, Lateness, Pace, Seen, schedule, wanted
from jobs.replay.plot import checked, drawn
from jobs.replay.serving import STANDS, Watch
from jobs.replay.sources import Generated, lines


def test_an_event_follows_from_its_seed_and_number_wherever_one_begins() -> None:
    whole = [*vehicles.events(7, range(5000))]

    assert [*vehicles.events(7, range(4990, 5000))] == whole[4990:]
    assert whole != [*vehicles.events(8, range(5000))]
    assert [events.number_within(value, 7) for _, value in whole] == [*range(5000)]
    assert events.number_within(whole[0][1], 8) is None
    assert events.number_within(None, 7) is None
    assert events.number_within(b'{"event_id":"7-x"}', 7) is None


def test_events_of_vehicles_are_what_their_rules_ask_for() -> None:
    for key, value in vehicles.events(1, range(0, 200_000, 997)):
        event = json.loads(value)
        assert event["vehicle_id"] == key.decode()
        assert 0 <= event["battery"] <= 100
        assert -90 <= event["latitude"] <= 90
        assert event["speed"] >= 0
        assert 180 <= len(key) + len(value) <= 200


@pytest.mark.parametrize("prob, power", [(0, 1.5), (0.01, 1.1), (0.3, 2)])
def test_a_schedule_keeps_its_rate_and_is_the_same_for_the_same_seed(prob: float, power: float) -> None:
    pace = Pace(1000, prob, power)
    slots = [*schedule(pace, 3, 20_000)]

    assert slots == [*schedule(pace, 3, 20_000)]
    assert sum(size for _, size in slots) == 20_000
    assert all(before <= after for (before, _), (after, _) in pairwise(slots))
    assert slots[-1][0] + slots[-1][1] / 1000 == pytest.approx(20)
    assert max(size for _, size in slots) <= 1000 * LARGEST
    if prob:
        assert slots != [*schedule(pace, 4, 20_000)]
        assert max(size for _, size in slots) > 1


@pytest.mark.parametrize("prob", [0, 0.01])
def test_a_schedule_goes_on_where_it_is_told_to(prob: float) -> None:
    whole = [at for at, size in schedule(Pace(1000, prob), 3, 5000) for _ in range(size)]
    later = [at for at, size in schedule(Pace(1000, prob), 3, 5000, 1234) for _ in range(size)]

    assert later == whole[1234:]


@pytest.mark.parametrize("done", [{}, {0: 70, 1: 64, 2: 81}, {0: 70}, {0: 120, 1: 130, 2: 140}])
def test_what_is_left_is_what_would_be_sent(done: dict[int, int]) -> None:
    source = Generated(events.named("vehicles"), 7, 100)

    assert left(source, 3, done) == sum(1 for _ in source.records(3, done))


def test_a_producer_is_ready_while_brokers_answer_and_alive_while_its_loop_turns() -> None:
    outbox: Any = SimpleNamespace(topic="t", acked=5, failed=0, waiting=9, turned=monotonic())
    watch = Watch(outbox, Lateness())
    assert (watch.alive, watch.ready) == (True, True)
    watch.since -= 2 * STANDS
    assert (watch.alive, watch.ready) == (True, False)
    outbox.acked = 6
    assert watch.ready
    outbox.turned -= 2 * HANGS
    assert not watch.alive
    said = generate_latest(watch.registry).decode()
    assert 'headrace_replay_records_total{outcome="acked",topic="t"} 6.0' in said
    assert 'headrace_replay_late_seconds{quantile="0.99",topic="t"} 0.0' in said


def test_a_smaller_power_makes_larger_bursts() -> None:
    largest = [max(size for _, size in schedule(Pace(10_000, 0.01, power), 1, 100_000)) for power in (1.1, 2, 4)]

    assert largest == sorted(largest, reverse=True)
    assert largest[0] > 10 * largest[2]


@pytest.mark.parametrize("first", [1, 700, 19_999])
def test_a_schedule_goes_on_in_the_middle_where_it_would_have_been(first: int) -> None:
    pace = Pace(1000, 0.05, 1.2)
    rest = [*schedule(pace, 3, 20_000, first)]

    assert sum(size for _, size in rest) == 20_000 - first
    assert rest[1:] == [*schedule(pace, 3, 20_000)][-len(rest) + 1 :][: len(rest) - 1]


@pytest.mark.parametrize("wrong", [{"rate": -2}, {"rate": nan}, {"burst_prob": 1.1}, {"burst_power": 1.09}])
def test_a_pace_that_cannot_be_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        Pace(**wrong)


def test_lateness_has_percentiles() -> None:
    late = Lateness()
    late.add([(2, 90), (0.998, 9), (0.5, 1)], 1)

    assert late.percentile(0.5) == pytest.approx(0.1)
    assert late.percentile(0.99) == pytest.approx(2.1)
    assert late.percentile(1) == pytest.approx(500)
    assert Lateness().percentile(0.99) == 0


def test_what_a_partition_has_is_not_sent_again() -> None:
    source = Generated(events.named("vehicles"), 1, 2000)
    whole = [*source.records(6, {})]
    done = {3: 1500, 0: 10}

    rest = [*source.records(6, done)]

    assert [number for number, _ in whole] == [*range(2000)]
    assert all(record["partition"] == crc32(record["key"]) % 6 for _, record in whole)
    assert rest == [(number, each) for number, each in whole if number > done.get(each["partition"], -1)]
    assert [*source.records(6, dict.fromkeys(range(6), 1999))] == []


def test_lines_of_a_file_have_the_key_they_are_told_to(tmp_path: Path) -> None:
    file = tmp_path / "events"
    file.write_bytes(b'{"id": "a"}\r\nnonsense\n{"id": 7}')
    records = [record for _, record in lines(file, "id", -1).records(3, {})]

    assert [record["key"] for record in records] == [b"a", None, b"7"]
    assert [record["value"] for record in records] == [b'{"id": "a"}', b"nonsense", b'{"id": 7}']
    assert lines(file, "", -1).count == 3
    assert lines(file, "", 2).count == 2
    file.write_bytes(b"other")
    assert lines(file, "", -1).name != records[0]["headers"][0][1].decode().partition("/")[0]


def test_lines_with_commas_have_the_key_they_are_told_to_compressed_or_not(tmp_path: Path) -> None:
    rows = b"0,tcp,http,SF,181\n0,udp\n2,icmp,eco_i,SF,8\n"
    plain, packed = tmp_path / "rows.txt", tmp_path / "rows.txt.gz"
    plain.write_bytes(rows)
    packed.write_bytes(gzip.compress(rows))
    source = lines(packed, "service", -1, "connections")
    records = [record for _, record in source.records(3, {})]

    assert [record["key"] for record in records] == [b"http", None, b"eco_i"]
    assert b"\n".join(record["value"] for record in records) + b"\n" == rows
    assert source.name == lines(plain, "", -1).name, "what is in the file says which it is"
    packed.write_bytes(gzip.compress(rows)[:-9])
    with pytest.raises(UsageError, match=r"rows\.txt\.gz"):
        lines(packed, "", -1)
    packed.write_bytes(rows)
    with pytest.raises(UsageError, match="gzip"):
        lines(packed, "", -1)


def test_a_key_that_lines_have_not_is_said_before_anything_is_sent(tmp_path: Path) -> None:
    file = tmp_path / "rows"
    file.write_text("0,tcp,http,SF,181\n")

    with pytest.raises(UsageError, match="no such field") as said:
        lines(file, "protocol", -1, "connections")
    assert "protocol_type" in said.value.hint
    with pytest.raises(UsageError, match="JSON object") as said:
        lines(file, "service", -1, "vehicles")
    assert "--dataset=connections" in said.value.hint


def test_what_was_seen_of_a_sending_is_bounded_and_gives_its_rates() -> None:
    seen = Seen()
    for second in range(1, 100_001):
        seen.add(float(second), second * 50)
    seen.add(100_000.2, 5_000_000)

    assert len(seen.points) <= MOST
    assert all(rate == pytest.approx(50, rel=0.05) for _, rate in seen.rates()[:-1])
    assert seen.points[-1] == (100_000.2, 5_000_000)


def test_the_plot_shows_the_rate_that_was_asked_for_and_the_one_that_was_acknowledged() -> None:
    seen = Seen([(0, 0), (1, 80), (2, 200), (3, 250)])
    times = [(5.0, 100), (6.5, 100), (7.5, 50)]
    svg = ElementTree.fromstring(drawn("<demo>", seen, times))  # noqa: S314 - our own
    said = [each.text for each in svg.iter() if each.tag.endswith("text")]

    assert wanted(times, [1, 2, 3]) == [(1, 100), (2, 100), (3, 50)]
    assert [rate for _, rate in seen.rates()] == [80, 120, 50]
    assert "<demo>: events a second" in said
    assert {"asked for", "acknowledged", "200"} <= {*said}
    assert "asked for" not in drawn("demo", seen, None)
    with pytest.raises(UsageError, match="no file"):
        checked("/nowhere/at/all.svg")


def test_a_dataset_without_a_generator_and_a_file_that_is_not_there_are_said() -> None:
    with pytest.raises(UsageError, match="no generator"):
        events.named("messages")
    with pytest.raises(UsageError, match="nowhere"):
        lines(Path("nowhere"), "", -1)
