"""The page of several runs: their figures and differing settings in a table, and every metric's curves in one chart."""

from __future__ import annotations

from collections.abc import Sequence

from .chart_card import area_legend, card, described, duration, number
from .charts import CHARTS, SPEED
from .curves import Curve
from .harmless_text import harmless
from .line_chart import Line, line_chart
from .outcome_card import failed_share
from .page import page
from .several_runs import ComparedRun
from .stacked_chart import share_bar
from .summary import LAST_STEPS
from .time_by_phase import phase_parts, phase_shares

_NAMED_AT_THEIR_END = 20  # lines; more names would not fit beside a chart
_NAME_WIDTH = 170


def comparison_page(runs: Sequence[ComparedRun]) -> str:
    """Return the HTML of the comparison."""
    sections = [
        ("", f'<section class="card runs">{_table(runs)}</section>'),
        ("Validation reward", _reward(runs, "validation reward", [run.validation for run in runs], sparse=True)),
        ("Train reward", _reward(runs, "train reward", [run.curves["train_reward"] for run in runs], sparse=False)),
        ("Time by phase", _times(runs)),
    ]
    for heading, charts in (*CHARTS, ("Speed", (SPEED,))):
        cards = "".join(
            _chart_card(
                runs,
                chart.title if len(chart.lines) == 1 else f"{chart.title}: {label}",
                chart.unit,
                metric,
                chart.spiky,
            )
            for chart in charts
            for metric, label, _ in chart.lines
        )
        sections.append((heading, f'<section class="charts">{cards}</section>' if cards else ""))
    names = ", ".join(run.name for run in runs[:3]) + (f" and {len(runs) - 3} more" if len(runs) > 3 else "")
    return page(f"{len(runs)} runs: {names}", sections)


def _table(runs: Sequence[ComparedRun]) -> str:
    heads = (
        "Run", "Where it differs", "Steps", "Validation before", "after", "best", f"Train, last {LAST_STEPS}",
        "tokens/s", "Time", "Failed",
    )  # fmt: skip
    body = "".join(f"<tr>{_cells(run, heads)}</tr>" for run in runs)
    return (
        f"<table class=runs><thead><tr>{''.join(f'<th>{head}' for head in heads)}</thead><tbody>{body}</tbody></table>"
    )


def _cells(run: ComparedRun, heads: Sequence[str]) -> str:
    swatch = f'<svg class=swatch viewBox="0 0 24 8"><path class="{run.style}" d="M1 4H23"/></svg>'
    differs = "".join(
        f"<span class=setting>{harmless(name, limit=80)} <b>{harmless(value, limit=80)}</b></span> "
        for name, value in run.differs.items()
    )
    train, speed, seconds = (run.curves[metric] for metric in ("train_reward", "tokens_per_second", "seconds"))
    validation = run.validation
    best = "–"
    if len(validation):
        place = validation.values.argmax()
        best = f"{validation.values[place]:.3f} <small>at {validation.steps[place]:,.0f}</small>"
    failed = failed_share(run.curves)
    cells = (
        f"<div class=named>{swatch}<b>{harmless(run.name, limit=80)}</b></div>",
        differs or "<span class=muted>nowhere</span>",
        f"{sum(row.get('phase') != 'warmup' for row in run.record.rows):,}",
        f"{validation.first:.3f}" if len(validation) else "–",
        f"<b>{validation.last:.3f}</b>" if len(validation) else "–",
        best,
        f"{train.tail_mean(LAST_STEPS):.3f}" if len(train) else "–",
        number(float(speed.values.mean())) if len(speed) else "–",
        duration(float(seconds.values.sum())) if len(seconds) else "–",
        f"{failed:.2%}" if failed else "–",
    )
    return "".join(
        f'<td class="{"" if place < 2 else "num"}" data-label="{head}"><div>{cell}</div></td>'
        for place, (head, cell) in enumerate(zip(heads, cells, strict=True))
    )


def _lines(runs: Sequence[ComparedRun], curves: Sequence[Curve], *, sparse: bool = False) -> list[Line]:
    lines = [Line(run.name, curve, run.style, sparse=sparse) for run, curve in zip(runs, curves, strict=True)]
    return [line for line in lines if len(line.curve)]


def _reward(runs: Sequence[ComparedRun], what: str, curves: Sequence[Curve], *, sparse: bool) -> str:
    lines = _lines(runs, curves, sparse=sparse)
    if not lines:
        return f'<section class="card"><p class=muted>No run has logged a {what} yet.</p></section>'
    label = described(f"Mean {what}", lines)
    name_width = _NAME_WIDTH if len(lines) <= _NAMED_AT_THEIR_END else 0
    wide = line_chart(lines, label=label, width=980, height=340, name_width=name_width)
    narrow = line_chart(lines, label=label, width=340, height=240)
    return (
        f'<section class="card"><div class=wide>{wide}</div><div class=narrow>{narrow}</div>'
        f"<p class=note>Mean {what} against the policy-gradient step.</p></section>"
    )


def _chart_card(runs: Sequence[ComparedRun], title: str, unit: str, metric: str, spiky: bool) -> str:
    lines = _lines(runs, [run.curves[metric] for run in runs])
    if not any(line.curve.values.any() for line in lines):
        return ""
    return card(title, unit, line_chart(lines, label=described(title, lines), spiky=spiky))


def _times(runs: Sequence[ComparedRun]) -> str:
    rows = []
    styles: dict[str, str] = {}
    for run in runs:
        parts = phase_parts(run.curves)
        if not parts:
            continue
        shares = phase_shares(parts)
        styles |= {label: style for label, _, style in shares}
        seconds = run.curves["seconds"]
        mean = f"{float(seconds.values.mean()):.3g} s a step" if len(seconds) else ""
        bar = share_bar(shares, label=", ".join(f"{label} {share:.0%}" for label, share, _ in shares))
        rows.append(f"<tr><th>{harmless(run.name, limit=80)}<td class=bar>{bar}<td class=num>{mean}</tr>")
    if not rows:
        return ""
    legend = area_legend(list(styles.items()))
    return f'<section class="card">{legend}<table class=times><tbody>{"".join(rows)}</tbody></table></section>'
