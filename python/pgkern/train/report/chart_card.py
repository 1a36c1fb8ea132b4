"""A small chart with its title, legend and notes."""

from __future__ import annotations

from collections.abc import Sequence

from .axes import Mark
from .charts import Chart
from .curves import MetricCurves
from .harmless_text import harmless
from .line_chart import Line, line_chart


def chart_card(
    chart: Chart, curves: MetricCurves, *, band: tuple[float, float] | None = None, marks: Sequence[Mark] = ()
) -> str:
    """The chart of one run; empty where none of its metrics was measured. A line that is 0 throughout makes way."""
    lines = [Line(label, curves[metric], style) for metric, label, style in chart.lines]
    lines = [line for line in lines if line.curve.values.any()] or [line for line in lines if len(line.curve)]
    broken = not_finite_note(curves, [metric for metric, _, _ in chart.lines])
    if not lines:
        return card(chart.title, chart.unit, broken) if broken else ""
    drawing = line_chart(lines, label=described(chart.title, lines), band=band, marks=marks, spiky=chart.spiky)
    several = len(chart.lines) > 1
    last = "" if several else f"<span class=last>{number(lines[0].curve.last)}</span>"
    return card(chart.title, chart.unit, (legend(lines) if several else "") + drawing + broken, last=last)


def card(title: str, unit: str, content: str, *, last: str = "") -> str:
    """A figure with its caption."""
    small = f" <small>{unit}</small>" if unit else ""
    return f"<figure><figcaption><h3>{harmless(title, limit=80)}{small}</h3>{last}</figcaption>{content}</figure>"


def described(title: str, lines: Sequence[Line]) -> str:
    """A chart in words, for those who do not see it."""
    return f"{title} against the step: " + "; ".join(
        f"{line.label} from {line.curve.first:.4g} to {line.curve.last:.4g}" for line in lines if len(line.curve)
    )


def legend(lines: Sequence[Line]) -> str:
    """The lines' names beside their colours."""
    entries = (
        f'<li><svg viewBox="0 0 18 8"><path class="{line.style}" d="M1 4H17"/></svg>{harmless(line.label, limit=80)}'
        for line in lines
    )
    return f"<ul class=legend>{''.join(entries)}</ul>"


def area_legend(entries: Sequence[tuple[str, str]]) -> str:
    """The same for areas, (label, style), with the topmost last."""
    swatch = '<svg viewBox="0 0 10 10"><rect class="area {style}" width="10" height="10" rx="2"/></svg>'
    shown = (f"<li>{swatch.format(style=style)}{harmless(label, limit=80)}" for label, style in entries)
    return f'<ul class="legend areas">{"".join(shown)}</ul>'


def not_finite_note(curves: MetricCurves, metrics: Sequence[str]) -> str:
    """How many values of these metrics were not finite; empty where all were."""
    count = sum(curves.count_not_finite(metric) for metric in metrics)
    if not count:
        return ""
    return f"<p class=note><strong>{count:,} value{'s were' if count > 1 else ' was'} not finite.</strong></p>"


def number(value: float) -> str:
    """A value in a caption or a table."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def duration(seconds: float) -> str:
    """Wall time: 12.3 s, 4 min 05 s, 2 h 07 min."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, whole = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {whole:02d} s"
