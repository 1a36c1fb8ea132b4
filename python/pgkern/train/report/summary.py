"""The run in a few numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .chart_card import duration
from .curves import MetricCurves, validation_curve
from .outcome_card import failed_share

LAST_STEPS = 10
"""Over so many steps the last train reward is averaged."""


def tiles(rows: Sequence[Mapping[str, Any]], curves: MetricCurves) -> str:
    """The tiles of a run, of whose rows ``curves`` are the metrics."""
    shown = []
    if len(validation := validation_curve(rows)):
        gain = (
            f" <small>{validation.last - validation.first:+.3f}</small>" if validation.last != validation.first else ""
        )
        shown.append(
            ("Validation reward, before → after", f"{validation.first:.3f} → <b>{validation.last:.3f}</b>{gain}")
        )
        best = validation.values.argmax()
        if validation.values[best] > validation.last:
            at = f"<small>at step {validation.steps[best]:,.0f}</small>"
            shown.append(("Best validation reward", f"{validation.values[best]:.3f} {at}"))
    if len(train := curves["train_reward"]):
        count = min(len(train), LAST_STEPS)
        label = f"Train reward, last {count} steps" if count > 1 else "Train reward"
        shown.append((label, f"{train.tail_mean(count):.3f}"))
    warmup = sum(row.get("phase") == "warmup" for row in rows)
    steps = f"{len(rows) - warmup:,}"
    shown.append(("Steps", f"{steps} <small>after {warmup:,} of warm-up</small>" if warmup else steps))
    if len(seconds := curves["seconds"]):
        label = "Wall time" if len(seconds) == len(rows) else f"Wall time of {len(seconds):,} steps"
        shown.append((label, duration(float(seconds.values.sum()))))
    if failed := failed_share(curves):
        shown.append(("Rewards that failed", f"{failed:.2%} <small>of rollouts</small>"))
    return "".join(f"<div class=tile><dt>{label}</dt><dd>{value}</dd></div>" for label, value in shown)
