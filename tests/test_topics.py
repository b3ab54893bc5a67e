"""The plan is exact, and refuses what cannot be done or would lose records."""

import pytest

from jobs.plans import Setting
from jobs.topics.assign import assign
from jobs.topics.changes import THROTTLED, Actual, Basis, Plan
from jobs.topics.declared import Topic, Topics
from jobs.topics.difference import diff, remaining, stale
from jobs.topics.impact import growth
from jobs.topics.move import wanted
from jobs.topics.throttle import marked


def actual(partitions: int = 3, replicas: int = 1, effective: dict[str, str] | None = None, **configs: str) -> Actual:
    dotted = {name.replace("_", "."): value for name, value in configs.items()}
    where = (tuple(range(1, replicas + 1)),) * partitions
    return Actual(where, dotted, {"retention.ms": "604800000"} | (effective or {}) | dotted, id="id-1")


def planned(topic: Topic, there: Actual | None) -> Plan:
    return diff({topic.name: topic}, {topic.name: there} if there else {})


def test_a_missing_topic_is_created_with_all_that_is_declared() -> None:
    plan = planned(Topic(name="a", partitions=6, configs={"retention.ms": "1"}), None)
    assert [(each.action, each.topic) for each in plan.changes] == [("create", "a")]
    assert plan.changes[0].shape("partitions") == 6
    assert plan.changes[0].shape("replication_factor") is None, "the broker's default"
    assert plan.changes[0].configs == [Setting(name="retention.ms", before=None, after="1")]
    assert "+" in plan.text()
    assert plan.text().endswith("1 to create, 0 to change, 0 to delete")


def test_what_is_as_declared_is_left_alone() -> None:
    plan = planned(Topic(name="a", partitions=3, configs={"retention.ms": "1"}), actual(retention_ms="1"))
    assert not plan.changes
    assert not plan.refused
    assert plan.text().startswith("no changes")


def test_settings_are_set_changed_and_unset() -> None:
    topic = Topic(name="a", configs={"retention.ms": "2", "segment.ms": "7"})
    plan = planned(topic, actual(retention_ms="1", max_message_bytes="9"))
    assert [(each.name, each.before, each.after) for each in plan.changes[0].settings] == [
        ("max.message.bytes", "9", None),
        ("retention.ms", "1", "2"),
        ("segment.ms", None, "7"),
    ]
    assert "max.message.bytes: 9 -> default" in plan.text()


def test_partitions_grow_and_never_shrink() -> None:
    grown = planned(Topic(name="a", partitions=6), actual(partitions=3))
    assert grown.changes[0].shape("partitions") == 6
    shrunk = planned(Topic(name="a", partitions=2), actual(partitions=3))
    assert not shrunk.changes
    assert "cannot shrink from 3 to 2" in shrunk.refused[0].why


def test_growth_says_whom_it_touches() -> None:
    compacted = actual(effective={"cleanup.policy": "compact,delete"})
    said = growth(compacted, (9, 10), ["g (2 members)", "h (nobody in it)"])
    assert [each.partition(" ")[0] for each in said] == ["keyed", "compacted:", "groups"]
    assert "9 of 10" in said[0]
    assert "g (2 members), h (nobody in it)" in said[2]
    assert growth(actual(), (0, 10), []) == ["nothing keyed was seen, and no group reads it"]


def test_another_replication_factor_is_a_move_or_refused() -> None:
    moved = planned(Topic(name="a", replication_factor=3), actual())
    assert moved.moves == {"a": 3}
    assert not moved.at_once().changes, "a move is not done in one request"
    assert not planned(Topic(name="a"), actual()).changes
    too_many = diff({"a": Topic(name="a", replication_factor=3)}, {"a": actual()}, brokers=2)
    assert too_many.refused[0].why == "replication_factor 3 needs 3 brokers, and 2 are up"


def test_a_move_under_way_is_not_taken_for_done() -> None:
    under_way = Actual(((1,), (1, 2)), {THROTTLED[0]: "0:1"}, {}, moving={0: (1, 2)})
    plan = planned(Topic(name="a", replication_factor=2), under_way)
    assert [(each.name, each.before, each.after) for each in plan.changes[0].settings] == [
        ("replication_factor", "1,2", "2")
    ], "and its marks stay until it has ended"
    ended = Actual(((1, 2), (1, 2)), {THROTTLED[0]: "0:1"}, {})
    left = planned(Topic(name="a", replication_factor=2), ended)
    assert [(each.name, each.after) for each in left.changes[0].settings] == [(THROTTLED[0], None)]


RACKS = {1: "a", 2: "a", 3: "b", 4: "b"}


@pytest.mark.parametrize(
    "current, brokers, factor, expected",
    [
        ([[1], [2], [3]], {1: "", 2: "", 3: ""}, 3, [[1, 2, 3], [2, 1, 3], [3, 1, 2]]),
        ([[1], [2]], RACKS, 2, [[1, 3], [2, 4]]),
        ([[1], [1], [1]], {1: "", 2: "", 3: ""}, 2, [[1, 2], [1, 3], [1, 2]]),
        ([[1, 2, 3], [2, 3, 1]], {1: "", 2: "", 3: ""}, 1, [[1], [2]]),
        ([[1, 2, 3]], RACKS, 2, [[1, 3]]),
        ([[1, 2]], {1: "", 2: ""}, 2, [[1, 2]]),
        ([[9, 1]], {1: "", 2: ""}, 2, [[1, 2]]),
        ([], {1: ""}, 1, []),
    ],
    ids=["grow", "racks apart", "load is shared", "leader stays", "shrink keeps racks", "as is", "dead broker", "none"],
)
def test_replicas_are_assigned(
    current: list[list[int]], brokers: dict[int, str], factor: int, expected: list[list[int]]
) -> None:
    assert assign(current, brokers, factor) == expected


def test_too_few_brokers_cannot_be_assigned() -> None:
    with pytest.raises(ValueError, match="3 replicas need 3 brokers, and 1 are up"):
        assign([[1]], {1: ""}, 3)


def test_what_is_under_way_stays_under_way() -> None:
    there = Actual(((1,), (1,)), {}, {}, moving={1: (1, 3)})
    assert wanted({"a": there}, {"a": 2}, {1: "", 2: "", 3: ""}, {}) == {("a", 0): [1, 2], ("a", 1): [1, 3]}


def test_a_throttle_names_the_replicas_read_and_made() -> None:
    marks = marked({"a": ((1,), (2,)), "b": ((1, 2),)}, {("a", 0): [1, 3], ("a", 1): [2, 3], ("b", 0): [1]})
    assert marks == {"a": {THROTTLED[0]: "0:1,1:2", THROTTLED[1]: "0:3,1:3"}}


def saved(topic: Topic, there: Actual | None) -> Plan:
    ids = {topic.name: there.id} if there else {}
    return planned(topic, there).model_copy(update={"basis": Basis(cluster="c", topics=ids)})


GROWN = Topic(name="a", partitions=6, configs={"retention.ms": "5"})


@pytest.mark.parametrize(
    "now, expected",
    [
        ({"a": actual()}, ""),
        ({"a": actual(6, retention_ms="5")}, ""),
        ({"a": actual(6)}, ""),
        ({"a": actual(4)}, "topic a: partitions was 3 and is 4 now (the plan makes it 6)"),
        ({"a": actual(retention_ms="9")}, "topic a: retention.ms was not set and is 9 now (the plan makes it 5)"),
        ({}, "topic a is gone"),
        ({"a": Actual(((1,),) * 3, {}, {}, id="id-2")}, "topic a was deleted and made again"),
    ],
    ids=["as it was", "done", "half done", "other partitions", "other setting", "gone", "made again"],
)
def test_a_saved_plan_is_refused_when_the_cluster_changed(now: dict[str, Actual], expected: str) -> None:
    plan = saved(GROWN, actual())
    assert "; ".join(stale(plan, "c", now)) == expected


def test_a_saved_plan_is_for_one_cluster() -> None:
    assert stale(saved(GROWN, actual()), "d", {"a": actual()}) == ["it was made for cluster c, this is d"]
    assert stale(planned(GROWN, actual()), "c", {}) == ["the plan does not say what it was made from"]


def test_a_topic_that_somebody_else_made_is_stale_unless_it_is_the_same() -> None:
    plan = saved(GROWN, None)
    assert not stale(plan, "c", {"a": actual(6, retention_ms="5")})
    assert "partitions was not set and is 2 now" in stale(plan, "c", {"a": actual(2, retention_ms="5")})[0]


def test_the_rest_of_a_plan_is_what_is_not_done_yet() -> None:
    plan = saved(GROWN, actual())
    assert remaining(plan, {"a": actual()}).changes == plan.changes
    half = remaining(plan, {"a": actual(6)})
    assert [each.name for each in half.changes[0].settings] == ["retention.ms"]
    assert not remaining(plan, {"a": actual(6, retention_ms="5")}).changes
    new = saved(GROWN, None)
    assert remaining(new, {}).changes == new.changes
    assert not remaining(new, {"a": actual(6, retention_ms="5")}).changes


def test_a_protected_topic_keeps_its_records() -> None:
    shorter = Topic(name="a", protected=True, configs={"retention.ms": "1000"})
    assert "can delete records" in planned(shorter, actual()).refused[0].why
    longer = Topic(name="a", protected=True, configs={"retention.ms": "-1"})
    assert not planned(longer, actual()).refused
    compacted = Topic(name="a", protected=True, configs={"cleanup.policy": "compact"})
    assert planned(compacted, actual(effective={"cleanup.policy": "delete"})).refused
    assert not planned(shorter.model_copy(update={"protected": False}), actual()).refused


def test_nothing_is_ever_deleted() -> None:
    assert not diff({}, {"old": actual()}).changes


def test_defaults_fill_in_what_a_topic_does_not_say() -> None:
    file = Topics.model_validate(
        {
            "defaults": {"partitions": 3, "configs": {"a.b": 1, "c.d": True}},
            "topics": [{"name": "x"}, {"name": "y", "partitions": 1, "configs": {"a.b": ["p", "q"]}}],
        }
    )
    resolved = file.resolved()
    assert (resolved["x"].partitions, resolved["x"].configs) == (3, {"a.b": "1", "c.d": "true"})
    assert (resolved["y"].partitions, resolved["y"].configs) == (1, {"a.b": "p,q", "c.d": "true"})


def test_a_plan_survives_being_saved() -> None:
    plan = planned(Topic(name="a", partitions=6), actual())
    assert Plan.model_validate_json(plan.model_dump_json()) == plan
