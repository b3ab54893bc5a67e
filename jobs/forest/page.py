"""A card to read: one HTML page that needs no network and no other file. Pure."""

from collections.abc import Iterable, Sequence
from html import escape

from jobs.forest import pictures
from jobs.forest.cards import Card
from jobs.forest.model import Options

STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --page: #fff; --line: #c8ced6; --right: #1a7f5a; --wrong: #c2410c; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e9ee; --page: #14171c; --line: #3b434f; --right: #2fa37a; --wrong: #e0703a; }
}
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--page); margin: 2rem auto;
  max-width: 60rem; padding: 0 1rem; }
table { border-collapse: collapse; margin: 0.5rem 0 1.5rem; }
th, td { border-bottom: 1px solid var(--line); padding: 0.2rem 0.8rem; text-align: right; }
th:first-child, td:first-child { text-align: left; }
.pictures { display: flex; flex-wrap: wrap; gap: 2rem; }
svg { max-width: 100%; height: auto; }
svg text { font-size: 12px; fill: var(--ink); }
svg text.dark { fill: #fff; }
svg .right { fill: var(--right); } svg .wrong { fill: var(--wrong); }
svg rect.right, svg rect.wrong { stroke: var(--line); }
svg .frame { fill: none; stroke: var(--line); } svg .even { stroke: var(--line); stroke-dasharray: 4; }
svg polyline { fill: none; stroke: var(--right); stroke-width: 2; } svg circle { fill: var(--right); }
code { overflow-wrap: anywhere; }
"""


def render(card: Card) -> str:
    """The page of a card."""
    judged = card.held_back
    title = f"Model {card.version}: attacks among connections"
    bad = "; ".join(f"{count:,} lines: {each}" for each, count in card.bad.items()) or "none"
    parts = [
        f"<h1>{title}</h1>",
        f"<p>A random forest of {card.options.trees} trees, trained on {card.trained:%Y-%m-%d %H:%M} UTC in"
        f" {card.seconds} s with {sum(card.connections.values()):,} connections.</p>",
        "<h2>What it is for</h2>",
        "<p>It tells four classes of attacks from normal connections, by 41 features of each. It is judged below by"
        " connections like those that it learned from, and by attacks that were hidden from it: the second is what may"
        " be expected of a network. Of an attack of a new kind it may see nothing; it must not be the only guard.</p>",
        "<h2>Connections that were held back</h2>",
        _table(
            ["class", "connections", "precision", "recall", "F1"],
            [
                [name, f"{each.records:,.0f}", f"{each.precision:.4f}", f"{each.recall:.4f}", f"{each.f1:.4f}"]
                for name, each in judged.classes.items()
            ],
        ),
        f"<p>Macro F1 {judged.macro_f1:.4f}, accuracy {judged.accuracy:.4f}, attack or none"
        f" {judged.binary_accuracy:.4f}, {judged.records:,.0f} connections.</p>",
        f'<div class="pictures">{pictures.confusion(judged)}{pictures.calibration(card.calibration)}</div>',
        "<h2>Attacks that were hidden from it</h2>",
        _tried(card),
        "<h2>What each label was taken for</h2>",
        _table(
            ["label", "trained with", *judged.classes],
            [
                [label, f"{card.connections.get(label, 0):,}", *(f"{said.get(each, 0):,}" for each in judged.classes)]
                for label, said in card.attacks.items()
            ],
        ),
        "<h2>Data</h2>",
        f"<p>{escape(card.source)}: {card.lines:,} lines, {card.unlabelled:,} without label; left out: {escape(bad)}."
        " Equal connections count once, those in several classes not at all; a fifth, chosen by the hash of its"
        " features, was held back. Neither the label nor the difficulty is a feature.</p>",
        f"<p>SHA-256 <code>{card.digest}</code></p>",
        f"<p>NSL-KDD is to be cited as: {escape(card.cite)}.</p>",
        "<h2>Parameters and versions</h2>",
        _table(["", ""], [*_options(card.options), ["seed", str(card.seed)], *map(list, card.packages.items())]),
    ]
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head><body>'
        + "\n".join(parts)
        + "</body></html>\n"
    )


def _tried(card: Card) -> str:
    if not card.tried:
        return (
            "<p>Not measured in this training (<code>--search=given</code> measures it); the parameters are those that"
            " were best when attacks of NSL-KDD were hidden, see docs/intrusions.md.</p>"
        )
    rows = [
        [
            _said(each.options),
            *(f"{figure:.3f}" for figure in (each.macro_f1, each.accuracy, each.plain, *each.recall.values())),
            f"{each.seconds:.0f}",
        ]
        for each in card.tried
    ]
    return (
        "<p>What is expected where a sixth of the connections are attacks of kinds unknown to training:</p>"
        + _table(
            [
                "options",
                "macro F1",
                "accuracy",
                "macro F1, none favoured",
                *(f"recall {each}" for each in card.tried[0].recall),
                "s",
            ],
            rows,
        )
    )


def _options(options: Options) -> Iterable[list[str]]:
    return [[name, str(value) if name != "favour" else _favour(options)] for name, value in vars(options).items()]


def _said(options: Options) -> str:
    numbers = " ".join(f"{name} {value}" for name, value in vars(options).items() if name != "favour")
    return f"{numbers} favour {_favour(options)}"


def _favour(options: Options) -> str:
    return ", ".join(f"{name} x {factor:g}" for name, factor in options.favour.items()) or "none"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(each)}</th>" for each in heads)
    body = "".join("<tr>" + "".join(f"<td>{escape(each)}</td>" for each in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
