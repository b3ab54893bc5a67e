"""Findings: what a check found, and the one verdict that they come to. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from rich.markup import escape

Verdict = Literal["ok", "warn", "fail"]

COLOUR: dict[Verdict, str] = {"ok": "green", "warn": "yellow", "fail": "red"}
ORDER: tuple[Verdict, ...] = ("ok", "warn", "fail")


@dataclass(frozen=True)
class Finding:
    """What one check found, and the command that mends it.

    Args:
        check: What was looked at; the same problem has the same name the next time.
        verdict: ok, warn (it works, with a risk), or fail.
        detail: What was found, for people.
        fix: The next command, or what to do before it.
        items: All that are at fault, of which `detail` may name only the first.
    """

    check: str
    verdict: Verdict
    detail: str
    fix: str = ""
    items: tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    """Every finding, and the worst of their verdicts."""

    verdict: Verdict
    findings: tuple[Finding, ...]

    @property
    def failed(self) -> list[Finding]:
        """Those that failed."""
        return [each for each in self.findings if each.verdict == "fail"]

    def text(self) -> str:
        """One line a check, and under what is not ok the command that mends it."""
        wide = max((len(each.check) for each in self.findings), default=0)
        lines: list[str] = []
        for each in self.findings:
            mark = f"[{COLOUR[each.verdict]}]{each.verdict:<4}[/]"
            lines.append(f"{mark}  {escape(each.check):<{wide}}  {escape(each.detail)}")
            if each.fix and each.verdict != "ok":
                lines.append(f"      {'':<{wide}}  next: {escape(each.fix)}")
        colour = COLOUR[self.verdict]
        counts = [sum(each.verdict == verdict for each in self.findings) for verdict in ORDER]
        lines.append(f"[{colour}]{self.verdict}[/]: {counts[0]} ok, {counts[1]} warnings, {counts[2]} failed")
        return "\n".join(lines)


def report(findings: Iterable[Finding]) -> Report:
    """All of them with their verdict: the worst there is."""
    found = tuple(findings)
    worst: list[Verdict] = sorted((each.verdict for each in found), key=ORDER.index)
    return Report(worst[-1] if worst else "ok", found)


def at_fault(
    check: str, bad: Sequence[str], among: str, *, fix: str, verdict: Verdict = "fail", about: str = ""
) -> Finding:
    """A finding that counts and names what is at fault, and is ok when nothing is.

    Args:
        check: What was looked at.
        bad: The names of those at fault.
        among: Of how many what: `12 partitions`.
        fix: What mends it.
        verdict: What it comes to when there is one at fault.
        about: What is wrong with them.
    """
    said = f"{len(bad)} of {among}" + (f" {about}" if about and bad else "") + some(bad)
    return Finding(check, verdict, said, fix, tuple(bad)) if bad else Finding(check, "ok", said)


def some(names: Sequence[str]) -> str:
    """`: a, b, c`, cut after the fifth; nothing of none."""
    return f": {', '.join(names[:5])}{', ...' if len(names) > 5 else ''}" if names else ""
