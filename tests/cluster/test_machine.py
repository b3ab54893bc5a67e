"""What a machine lacks is said with the command that mends it."""

import os
from pathlib import Path

import pytest

from tests.cluster import machine
from tests.cluster.place import ClusterError


def go_that_says(version: str, folder: Path) -> None:
    program = folder / "go"
    program.write_text(f"#!/bin/sh\necho {version}\n")
    program.chmod(0o755)


def test_no_go(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ClusterError, match=r"Go 1\.25 or newer is needed.*none on PATH"):
        machine.require_go()


def test_an_old_go(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    go_that_says("go1.19.8", tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(ClusterError, match=r"Go 1\.25 or newer is needed.*this is go1\.19\.8"):
        machine.require_go()


def test_missing_packages_of_somebody_else_than_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "PATH", "")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(ClusterError, match=r"lacks busybox-static, conntrack, .*: as root on Debian, apt-get install "):
        machine.require_packages()
    with pytest.raises(ClusterError, match="needs root: sudo make cluster-up, or KUBECONFIG"):
        machine.require_root()
