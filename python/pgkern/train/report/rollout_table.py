"""Example rollouts: what the model wrote, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..judging.outcomes import FAILURES
from .curves import finite
from .harmless_text import harmless
from .response_tokens import coloured_tokens, has_tokens, likelihood_legend

_PREVIEW = 240  # characters of a long text that are shown before it is opened
_MARKS = {
    "correct": "✓",
    "wrong": "✗",
    "no_answer": "∅",
    "unparsed": "?",
    "over_budget": "!",
    "bad_gold": "¿",
    "scored": "·",
}
_HEADS = ("Step", "Prompt", "Response", "Gold", "Answer", "Outcome", "Reward")


def rollout_table(rollouts: Sequence[Mapping[str, Any]]) -> str:
    """The table, which the page's script can filter by outcome and step."""
    if not rollouts:
        return "<p class=muted>No rollouts were logged.</p>"
    body = "".join(_row(row) for row in rollouts)
    heads = "".join(f"<th>{head}" for head in _HEADS)
    legend = likelihood_legend() if any(has_tokens(row) for row in rollouts) else ""
    return (
        f"<div class=filter hidden></div>{legend}"
        f"<table id=rollouts><thead><tr>{heads}</thead><tbody>{body}</tbody></table>"
    )


def _row(row: Mapping[str, Any]) -> str:
    verdict = str(row.get("verdict", "")).lower()
    failed = verdict in FAILURES
    style = f"v-{verdict}" if verdict in _MARKS else "v-failed" if failed else ""
    mark = "⚠" if failed else _MARKS.get(verdict, "")
    outcome = f'<span class="chip {style}">{mark} {harmless(verdict.replace("_", " "), limit=40)}</span>'
    if row.get("reason"):
        outcome += f"<div class=reason>{long_text(row['reason'])}</div>"
    if row.get("finish_reason") == "length":
        outcome += "<br><small>cut off</small>"
    cells = (
        ("num", harmless(row.get("step"), limit=40)),
        ("long", long_text(row.get("prompt"))),
        ("long", _response(row)),
        ("short", long_text(row.get("gold"))),
        ("short", long_text(row.get("answer"))),
        ("", outcome),
        ("num", _score(row)),
    )
    columns = "".join(
        f'<td class="{kind}" data-label="{head}"><div>{cell}</div></td>'
        for head, (kind, cell) in zip(_HEADS, cells, strict=True)
    )
    step, name = harmless(row.get("step"), limit=40), harmless(verdict.replace("_", " "), limit=40)
    return f'<tr class="{style}" data-step="{step}" data-outcome="{name}">{columns}</tr>'


def _response(row: Mapping[str, Any]) -> str:
    if not has_tokens(row):
        return long_text(row.get("response"))
    return _folded(str(row.get("response", "")), coloured_tokens(row["tokens"], row["log_probs"]))


def _score(row: Mapping[str, Any]) -> str:
    reward, advantage = finite(row.get("reward")), finite(row.get("advantage"))
    score = "–" if reward is None else f"{reward:.3g}"
    return score if advantage is None else f"{score}<br><small>advantage {advantage:+.2f}</small>"


def long_text(value: object) -> str:
    """A text, folded when it is long."""
    return "<span class=muted>none</span>" if value is None else _folded(str(value), harmless(value))


def _folded(text: str, shown: str) -> str:
    """What is shown of the text, behind a preview when the text is long."""
    if len(text) <= _PREVIEW * 1.5 and text.count("\n") <= 8:
        return f"<div class=said>{shown}</div>"
    preview = "\n".join(text[:_PREVIEW].split("\n")[:6])
    return (
        f"<details><summary><span class='said preview'>{harmless(preview)}…</span>"
        f"<span class=more>all {len(text):,} characters</span></summary><div class=said>{shown}</div></details>"
    )
