"""The plan is exact, and refuses what cannot be done or would lose records."""

from jobs.topics.changes import Actual, Plan, Setting, diff
from jobs.topics.declared import Topic, Topics


def actual(partitions: int = 3, replicas: int = 1, effective: dict[str, str] | None = None, **configs: str) -> Actual:
    dotted = {name.replace("_", "."): value for name, value in configs.items()}
    return Actual(partitions, replicas, dotted, {"retention.ms": "604800000"} | (effective or {}) | dotted)


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


def test_partitions_grow_with_a_warning_and_never_shrink() -> None:
    grown = planned(Topic(name="a", partitions=6), actual(partitions=3))
    assert grown.changes[0].shape("partitions") == 6
    assert "keyed records" in grown.changes[0].notes[0]
    shrunk = planned(Topic(name="a", partitions=2), actual(partitions=3))
    assert not shrunk.changes
    assert "cannot shrink from 3 to 2" in shrunk.refused[0].why


def test_another_replication_factor_is_refused_not_ignored() -> None:
    assert (
        "replication_factor is 1, declared 3" in planned(Topic(name="a", replication_factor=3), actual()).refused[0].why
    )
    assert not planned(Topic(name="a"), actual()).refused


def test_a_protected_topic_keeps_its_records() -> None:
    shorter = Topic(name="a", protected=True, configs={"retention.ms": "1000"})
    assert "can delete records" in planned(shorter, actual()).refused[0].why
    longer = Topic(name="a", protected=True, configs={"retention.ms": "-1"})
    assert not planned(longer, actual()).refused
    compacted = Topic(name="a", protected=True, configs={"cleanup.policy": "compact"})
    assert planned(compacted, actual(effective={"cleanup.policy": "delete"})).refused
    assert not planned(shorter.model_copy(update={"protected": False}), actual()).refused


def test_nothing_is_deleted_unless_its_name_fits() -> None:
    there = {"old.a": actual(), "old.b": actual(), "other": actual(), "_old": actual(), "__x": actual()}
    assert not diff({}, there).changes
    assert [each.topic for each in diff({}, there, prune="old*").changes] == ["old.a", "old.b"]
    assert [each.topic for each in diff({}, there, prune="*").changes] == ["old.a", "old.b", "other"]


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
