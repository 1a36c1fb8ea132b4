"""Where the time of a step goes, so that one sees what waits for what."""

from __future__ import annotations

import numpy as np

from .chart_card import area_legend
from .charts import PHASES
from .curves import Curve, MetricCurves
from .stacked_chart import Part, share_bar, stacked_chart

_AFTER_THE_STEP = ("seconds_evaluate", "seconds_checkpoint")  # not in its `seconds`


def phase_parts(curves: MetricCurves) -> list[Part]:
    """The phases that took any time, and what of a step's seconds is in none of them."""
    parts = [Part(label, curves[metric], style) for metric, label, style in PHASES]
    parts.append(Part("other", _other(curves), "s6"))
    return [part for part in parts if part.curve.values.any()]


def phase_shares(parts: list[Part]) -> list[tuple[str, float, str]]:
    """Each phase's share of the time of all phases: (label, share, style)."""
    seconds = [float(part.curve.values.sum()) for part in parts]
    return [(part.label, of_it / sum(seconds), part.style) for part, of_it in zip(parts, seconds, strict=True)]


def time_by_phase(curves: MetricCurves) -> str:
    """The share of each phase in the whole run as a bar, and the seconds of each step as stacked areas."""
    parts = phase_parts(curves)
    if not parts:
        return "<p class=muted>No step has logged its time yet.</p>"
    steps = np.unique(np.concatenate([part.curve.steps for part in parts]))
    shares = phase_shares(parts)
    in_words = ", ".join(f"{label} {share:.0%}" for label, share, _ in shares)
    legend = area_legend([(f"{label} {share:.0%}", style) for label, share, style in shares])
    wide, narrow = (
        stacked_chart(
            parts, steps, label=f"Seconds of a step by phase; of the whole run: {in_words}", width=w, height=h
        )
        for w, h in ((980, 260), (340, 220))
    )
    return (
        f"{share_bar(shares, label=f'Share of the time: {in_words}')}{legend}"
        f"<div class=wide>{wide}</div><div class=narrow>{narrow}</div>"
        "<p class=note>Seconds of a step; the bar is the share of each phase in the whole run. Rewards are computed "
        "while generation goes on: verify is only the time that was waited for the last of them.</p>"
    )


def _other(curves: MetricCurves) -> Curve:
    """What is left of a step's `seconds` when its phases are taken from it; never less than 0."""
    whole = curves["seconds"]
    left = whole.values.copy()
    phases = [curves[metric] for metric, _, _ in PHASES if metric not in _AFTER_THE_STEP]
    if not any(len(phase) for phase in phases):
        return Curve(whole.steps[:0], left[:0])
    for phase in phases:
        inside = np.isin(phase.steps, whole.steps)
        np.subtract.at(left, np.searchsorted(whole.steps, phase.steps[inside]), phase.values[inside])
    return Curve(whole.steps, np.maximum(left, 0.0))
