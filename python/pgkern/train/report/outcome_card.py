"""What became of a step's rollouts: how they were judged, and how many rewards failed."""

from __future__ import annotations

import numpy as np

from ..judging.outcomes import FAILURES
from .axes import Mark
from .chart_card import area_legend, card
from .charts import OUTCOME_PARTS
from .curves import Curve, MetricCurves
from .stacked_chart import Part, stacked_chart


def outcome_card(curves: MetricCurves, marks: list[Mark]) -> str:
    """The share of each outcome, stacked; empty where none was logged."""
    parts = [Part(label, curves[f"outcome_{name}"], style) for name, label, style in OUTCOME_PARTS]
    parts = [part for part in parts if part.curve.values.any()]
    if not parts:
        return ""
    steps = np.unique(np.concatenate([part.curve.steps for part in parts]))
    label = "Outcomes of rollouts against the step: " + "; ".join(
        f"{part.label} {part.curve.last:.1%} at last" for part in parts
    )
    legend = area_legend([(part.label, part.style) for part in parts])
    return card("Outcomes", "share of rollouts", legend + stacked_chart(parts, steps, label=label, marks=marks))


def failed_share(curves: MetricCurves) -> float:
    """The mean share of rollouts whose reward function failed, over the steps that have outcomes."""
    steps = max((len(curves[name]) for name in curves.named("outcome_")), default=0)
    failed: list[Curve] = [curves[f"outcome_{name}"] for name in FAILURES]
    return sum(float(curve.values.sum()) for curve in failed) / steps if steps else 0.0
