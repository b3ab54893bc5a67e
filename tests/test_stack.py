"""The pure parts of the stack."""

import re
from pathlib import Path

import pytest

from stack import coordinates, properties
from stack.jars import LOCK, ROOTS
from stack.java import major
from stack.layout import HIGHEST, Layout
from stack.supervisor import LONGEST, socket_path
from stack.updates import generated, lines, updates

HERE = Layout(Path("/s"), 29000, 1)


def test_the_lock_is_sorted_whole_and_holds_every_root() -> None:
    jars = coordinates.parse(LOCK.read_text())
    assert LOCK.read_text() == coordinates.lock_text(jars)
    assert all(re.fullmatch(r"[0-9a-f]{64}", jar.sha256) for jar in jars)
    locked = {(jar.folder, jar.coordinate) for jar in jars}
    assert {(root.folder, root.coordinate) for root in coordinates.parse(ROOTS.read_text())} <= locked


def test_a_line_that_is_no_jar_is_refused() -> None:
    with pytest.raises(ValueError, match="not a jar"):
        coordinates.parse("kafka org.apache.kafka:kafka")


@pytest.mark.parametrize(
    "text, version", [('openjdk version "17.0.15" 2025', 17), ('java version "1.8.0_392"', 8), ("what?", 0)]
)
def test_java_versions(text: str, version: int) -> None:
    assert major(text) == version


def test_two_copies_share_no_port_and_one_uses_none_twice() -> None:
    three = Layout(Path("/s"), 31000, 3).ports
    assert len(set(three.values())) == len(three) == 19
    assert not set(three.values()) & set(HERE.ports.values())
    assert max(Layout(Path("/s"), HIGHEST, 3).ports.values()) == 65535


def test_a_node_of_three_is_broker_or_controller_and_one_alone_is_both() -> None:
    assert properties.nodes(HERE) == ["kafka-1"]
    assert properties.node(HERE, "kafka-1")["process.roles"] == "broker,controller"
    three = Layout(Path("/s"), 31000, 3)
    roles = {name: properties.node(three, name)["process.roles"] for name in properties.nodes(three)}
    assert (roles["kafka-2"], roles["controller-2"]) == ("broker", "controller")
    assert properties.node(three, "controller-2")["node.id"] == 102


def test_a_socket_has_a_path_that_the_kernel_takes() -> None:
    deep = Path("/a" * LONGEST)
    assert socket_path(Path("/s")) == Path("/s/supervisor.sock")
    assert len(str(socket_path(deep))) < LONGEST
    assert socket_path(deep) != socket_path(deep / "b")


def test_updates_are_the_same_at_each_run() -> None:
    assert updates(generated(50)) == updates(generated(50))
    assert updates(generated(50))[20:] == updates(generated(50)[20:], 20)


def test_a_line_that_was_cut_off_is_left_out() -> None:
    assert lines('"one"\n"tw') == ["one"]
