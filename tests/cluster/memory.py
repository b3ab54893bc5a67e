"""How much memory the cluster takes."""

from collections import defaultdict
from pathlib import Path

from tests.cluster import group


def by_program() -> dict[str, float]:
    """Proportional set size in MiB by program, the greatest first, and `total`: shared pages count once."""
    sizes: dict[str, float] = defaultdict(float)
    for process in group.processes():
        try:
            words = Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
            lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
        except OSError:  # it has just ended
            continue
        name = Path(words[0].decode()).name
        if name == "kube":
            name = words[1].decode()
        sizes[name] += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
    return {"total": sum(sizes.values()), **dict(sorted(sizes.items(), key=lambda each: -each[1]))}
