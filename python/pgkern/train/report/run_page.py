"""The page of one run: rewards, where the time goes, the other curves, what the model wrote, the configuration."""

from __future__ import annotations

import math
from collections.abc import Sequence

from .axes import Mark
from .chart_card import chart_card, described, legend, not_finite_note
from .charts import CHARTS, SPEED, WARMUP, Chart
from .curves import MetricCurves, smoothing_window, warmup_range, with_short_warmup
from .event_list import event_list
from .harmless_text import harmless
from .line_chart import Line, line_chart
from .outcome_card import outcome_card
from .page import page
from .rollout_table import rollout_table
from .run_record import RunRecord
from .summary import tiles
from .time_by_phase import time_by_phase

_NO_FUNCTION = "reward_failures"  # the one metric with a reward function's prefix that is none
_LOSS_NOTE = (
    '<p class="note">Progress is read off the rewards. The policy-gradient loss is not shown: it is a scalar whose '
    "gradient is the estimate, made anew from each batch, and its value says nothing about how good the policy is.</p>"
)


def run_page(record: RunRecord) -> str:
    """Return the HTML of the report. Everything may be empty, and no metric is taken for granted."""
    whole, marks, band = MetricCurves(record.rows), record.marks(), warmup_range(record.rows)
    warmup_end = -math.inf if band is None else band[1]
    shown = warmup_range(with_short_warmup(record.rows))
    curves = whole if shown is None else whole.between(shown[0], math.inf)
    versions = " · ".join(f"{harmless(package)} {harmless(version)}" for package, version in record.versions.items())
    sections = [
        (
            "",
            f'<p class="versions">{versions}</p><dl class="tiles">{tiles(record.rows, whole)}</dl>',
        ),
        ("Events", _in_card(event_list(record), "events")),
        ("Reward", _in_card(_reward(curves, shown, marks) + _LOSS_NOTE)),
        ("Time by phase", _in_card(time_by_phase(whole.between(math.nextafter(warmup_end, math.inf), math.inf)))),
        *_chart_sections(curves, whole.between(-math.inf, warmup_end), shown, marks),
        ("Example rollouts", _in_card(rollout_table(record.rollouts), "rollouts")),
        ("Configuration", _in_card(_configuration(record.config))),
    ]
    return page(record.name, sections)


def _in_card(content: str, kind: str = "") -> str:
    return f'<section class="card {kind}">{content}</section>' if content else ""


def _reward(curves: MetricCurves, band: tuple[float, float] | None, marks: list[Mark]) -> str:
    train = Line("train (sampled)", curves["train_reward"], "s1")
    lines = [train, Line("validation", curves["validation_reward"], "s2", sparse=True)]
    lines = [line for line in lines if len(line.curve)]
    broken = not_finite_note(curves, ["train_reward", "validation_reward"])
    if not lines:
        return f"<p class=muted>No step has logged a reward yet.</p>{broken}"
    label = described("Mean reward", lines)
    wide, narrow = (
        line_chart(lines, label=label, width=width, height=height, band=band, band_label="warm-up", marks=marks)
        for width, height in ((980, 340), (340, 240))
    )
    window = smoothing_window(train.curve)
    note = f"The faint line is single steps, the strong one their mean over {window} steps." if window > 1 else ""
    return (
        f"{legend(lines)}<div class=wide>{wide}</div><div class=narrow>{narrow}</div>"
        f"<p class=note>Mean reward against the step. {note}</p>{broken}"
    )


def _chart_sections(
    curves: MetricCurves, warmup: MetricCurves, band: tuple[float, float] | None, marks: list[Mark]
) -> list[tuple[str, str]]:
    def drawn(charts: Sequence[Chart]) -> str:
        return "".join(chart_card(chart, curves, band=band, marks=marks) for chart in charts)

    sections = []
    for heading, charts in CHARTS:
        cards = drawn(charts)
        if heading == "Responses":
            cards = _reward_functions(curves, band, marks) + outcome_card(curves, marks) + cards
        sections.append((heading, cards))
    sections.append(("Speed and warm-up", drawn([SPEED]) + chart_card(WARMUP, warmup)))
    return [(heading, f'<section class="charts">{cards}</section>' if cards else "") for heading, cards in sections]


def _reward_functions(curves: MetricCurves, band: tuple[float, float] | None, marks: list[Mark]) -> str:
    """Each reward function by itself, where there are several (metrics ``reward_…``)."""
    names = [name for name in curves.named("reward_") if name != _NO_FUNCTION]
    lines = tuple((name, name.removeprefix("reward_"), f"s{1 + place % 8}") for place, name in enumerate(names))
    return chart_card(Chart("Rewards by function", "mean", lines), curves, band=band, marks=marks) if lines else ""


def _configuration(config: str | None) -> str:
    if config is None:
        return "<p class=muted>There is no config.toml in the run folder.</p>"
    return f"<details><summary>config.toml</summary><pre>{harmless(config, limit=None)}</pre></details>"
