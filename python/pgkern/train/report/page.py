"""The page that tells a run: rewards, the other curves, the configuration and what the model wrote.

The page needs no other file and runs no script. All text from outside goes through `_text`, since a rollout is
whatever a model under training comes to write.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from string import Template
from typing import Any, NamedTuple

from .curves import (
    count_not_finite,
    curve,
    finite,
    smoothing_window,
    validation_before_and_after,
    warmup_range,
    with_short_warmup,
)
from .line_chart import Line, svg_chart

_PREVIEW = 240  # characters of a long text that are shown before it is opened
_LONGEST = 20_000  # characters of a text that go into the page at all
_CONTROLS = {code: 0x2400 + code for code in range(32) if code not in (9, 10)} | {127: 0x2421}  # ␀ and so on
_MARKS = {"correct": "✓", "wrong": "✗", "no_answer": "∅", "unparsed": "?", "over_budget": "!"}


class _Chart(NamedTuple):
    title: str
    unit: str
    metrics: tuple[tuple[str, str, str], ...]  # metric, label, style
    phase: str | None = None
    about: str = ""


_CHARTS = (
    _Chart("Response length", "tokens", (("response_length", "mean", "s1"),)),
    _Chart("Entropy", "nats per token", (("entropy", "mean", "s1"),)),
    _Chart("Clip fraction", "share of tokens", (("clip_fraction", "clipped", "s1"),)),
    _Chart("Gradient norm", "before clipping", (("gradient_norm", "norm", "s1"),)),
    _Chart("Approximate KL", "to the sampling policy, nats", (("approx_kl", "mean", "s1"),)),
    _Chart("Speed", "tokens per second", (("tokens_per_second", "tokens/s", "s1"),)),
    _Chart(
        "Time of a step",
        "seconds",
        (
            ("seconds_generate", "generate", "s1"),
            ("seconds_train", "train", "s2"),
            ("seconds_verify", "verify", "s3"),
            ("seconds_evaluate", "evaluate", "s4"),
        ),
    ),
    _Chart(
        "Verdicts",
        "share of rollouts",
        (
            ("verdict_correct", "correct", "s3"),
            ("verdict_wrong", "wrong", "s5"),
            ("verdict_no_answer", "no answer", "s2"),
            ("verdict_unparsed", "unparsed", "s4"),
            ("verdict_over_budget", "over budget", "s6"),
        ),
    ),
    _Chart(
        "Groups and budget",
        "share",
        (("active_fraction", "groups with a signal", "s1"), ("truncated_fraction", "cut-off responses", "s2")),
    ),
    _Chart("Format reward", "mean", (("format_reward", "mean", "s1"),)),
    _Chart("Probability ratio", "new to old policy", (("ratio_mean", "mean", "s1"), ("ratio_max", "largest", "s2"))),
    _Chart("Rollout mismatch", "engine against trainer, nats", (("rollout_mismatch", "difference", "s1"),)),
    _Chart("Learning rate", "", (("learning_rate", "learning rate", "s1"),)),
    _Chart("Warm-up loss", "nats per token", (("loss", "loss", "s1"),), phase="warmup"),
)


def report_page(
    name: str,
    rows: Sequence[Mapping[str, Any]],
    rollouts: Sequence[Mapping[str, Any]],
    config: str | None,
    versions: Mapping[str, Any],
) -> str:
    """Return the HTML of the report. Everything may be empty, and no metric is taken for granted."""
    return _PAGE.substitute(
        name=_text(name),
        tiles="".join(f"<div class=tile><dt>{label}</dt><dd>{value}</dd></div>" for label, value in _tiles(rows)),
        versions=" · ".join(f"{_text(package)} {_text(version)}" for package, version in versions.items()),
        reward=_reward_chart(rows),
        charts="".join(_chart_card(chart, rows) for chart in _CHARTS),
        rollouts=_rollout_table(rollouts),
        config="<p class=muted>There is no config.toml in the run folder.</p>"
        if config is None
        else f"<details><summary>config.toml</summary><pre>{_text(config, limit=None)}</pre></details>",
    )


# --- summary -------------------------------------------------------------------------------------------------------


def _tiles(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    tiles = []
    if validation := validation_before_and_after(rows):
        before, after = validation
        gain = f" <small>{after - before:+.3f}</small>" if after != before else ""
        tiles.append(("Validation reward, before → after", f"{before:.3f} → <b>{after:.3f}</b>{gain}"))
    train = curve(rows, "train_reward")
    if train:
        tail = train[-10:]
        mean = sum(point.value for point in tail) / len(tail)
        tiles.append((f"Train reward, last {len(tail)} steps" if len(tail) > 1 else "Train reward", f"{mean:.3f}"))
    warmup = sum(row.get("phase") == "warmup" for row in rows)
    steps = f"{len(rows) - warmup:,}"
    tiles.append(("Steps", f"{steps} <small>after {warmup:,} of warm-up</small>" if warmup else steps))
    if seconds := curve(rows, "seconds"):
        label = "Wall time" if len(seconds) == len(rows) else f"Wall time of {len(seconds):,} steps"
        tiles.append((label, _format_seconds(sum(point.value for point in seconds))))
    return tiles


def _format_seconds(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, whole = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {whole:02d} s"


# --- curves --------------------------------------------------------------------------------------------------------


def _reward_chart(rows: Sequence[Mapping[str, Any]]) -> str:
    rows = with_short_warmup(rows)
    lines = [
        Line("train (sampled)", curve(rows, "train_reward"), "s1"),
        Line("validation", curve(rows, "validation_reward"), "s2", sparse=True),
    ]
    lines = [line for line in lines if line.points]
    if not lines:
        return "<p class=muted>No step has logged a reward yet.</p>"
    label = "Mean reward against the step: " + "; ".join(
        f"{line.label} from {line.points[0].value:.3f} to {line.points[-1].value:.3f}" for line in lines
    )
    band = warmup_range(rows)
    wide, narrow = (
        svg_chart(lines, label=label, width=width, height=height, band=band, band_label="warm-up")
        for width, height in ((980, 340), (340, 240))
    )
    window = smoothing_window(lines[0].points)
    note = f"The faint line is single steps, the strong one their mean over {window} steps. " if window > 1 else ""
    note += _not_finite(rows, ["train_reward", "validation_reward"])
    return (
        f"{_legend(lines)}<div class=wide>{wide}</div><div class=narrow>{narrow}</div>"
        f"<p class=note>Mean reward against the step. {note}</p>"
    )


def _chart_card(chart: _Chart, rows: Sequence[Mapping[str, Any]]) -> str:
    if chart.phase is not None:
        rows = [row for row in rows if row.get("phase") == chart.phase]
    else:
        rows = with_short_warmup(rows)
    lines = [Line(label, curve(rows, metric), style) for metric, label, style in chart.metrics]
    lines = [line for line in lines if any(point.value for point in line.points)] or [
        line for line in lines if line.points
    ]
    if not lines:
        return ""
    label = f"{chart.title} against the step: " + "; ".join(
        f"{line.label} from {line.points[0].value:.4g} to {line.points[-1].value:.4g}" for line in lines
    )
    drawing = svg_chart(lines, label=label, band=warmup_range(rows) if chart.phase is None else None)
    legend = _legend(lines) if len(chart.metrics) > 1 else ""
    last = f"<span class=last>{_number(lines[0].points[-1].value)}</span>" if len(chart.metrics) == 1 else ""
    broken = _not_finite(rows, [metric for metric, _, _ in chart.metrics])
    note = f"<p class=note>{broken}</p>" if broken else ""
    unit = f" <small>{chart.unit}</small>" if chart.unit else ""
    return f"<figure><figcaption><h3>{chart.title}{unit}</h3>{last}</figcaption>{legend}{drawing}{note}</figure>"


def _legend(lines: Sequence[Line]) -> str:
    entries = (
        f'<li><svg viewBox="0 0 18 8"><path class="{line.style}" d="M1 4H17"/></svg>{line.label}' for line in lines
    )
    return f"<ul class=legend>{''.join(entries)}</ul>"


def _not_finite(rows: Sequence[Mapping[str, Any]], metrics: Sequence[str]) -> str:
    count = sum(count_not_finite(rows, metric) for metric in metrics)
    return f"<strong>{count:,} value{'s were' if count > 1 else ' was'} not finite.</strong>" if count else ""


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


# --- rollouts ------------------------------------------------------------------------------------------------------


def _rollout_table(rollouts: Sequence[Mapping[str, Any]]) -> str:
    if not rollouts:
        return "<p class=muted>No rollouts were logged.</p>"
    body = "".join(_rollout_row(row) for row in rollouts)
    heads = "".join(f"<th>{head}" for head in ("Step", "Prompt", "Response", "Gold", "Answer", "Verdict", "Reward"))
    return f"<table><thead><tr>{heads}</thead><tbody>{body}</tbody></table>"


def _rollout_row(row: Mapping[str, Any]) -> str:
    verdict = str(row.get("verdict", "")).lower()
    known = f"v-{verdict}" if verdict in _MARKS else ""
    chip = f'<span class="chip {known}">{_MARKS.get(verdict, "")} {_text(verdict.replace("_", " "))}</span>'
    cut_off = "<br><small>cut off</small>" if row.get("finish_reason") == "length" else ""
    reward, advantage = finite(row.get("reward")), finite(row.get("advantage"))
    score = "–" if reward is None else f"{reward:.3g}"
    if advantage is not None:
        score += f"<br><small>advantage {advantage:+.2f}</small>"
    cells = (
        ("Step", "num", _text(row.get("step"))),
        ("Prompt", "long", _long_text(row.get("prompt"))),
        ("Response", "long", _long_text(row.get("response"))),
        ("Gold", "short", _long_text(row.get("gold"))),
        ("Answer", "short", _long_text(row.get("answer"))),
        ("Verdict", "", chip + cut_off),
        ("Reward", "num", score),
    )
    columns = "".join(
        f'<td class="{style}" data-label="{label}"><div>{cell}</div></td>' for label, style, cell in cells
    )
    return f"<tr>{columns}</tr>"


def _long_text(value: object) -> str:
    if value is None:
        return "<span class=muted>none</span>"
    text = str(value)
    if len(text) <= _PREVIEW * 1.5 and text.count("\n") <= 8:
        return f"<div class=said>{_text(text)}</div>"
    preview = "\n".join(text[:_PREVIEW].split("\n")[:6])
    return (
        f"<details><summary><span class='said preview'>{_text(preview)}…</span>"
        f"<span class=more>all {len(text):,} characters</span></summary><div class=said>{_text(text)}</div></details>"
    )


def _text(value: object, limit: int | None = _LONGEST) -> str:
    """Text from outside, safe in HTML content and quoted attributes, with control characters made visible."""
    text = str(value)
    rest = "" if limit is None or len(text) <= limit else f"\n… and {len(text) - limit:,} more characters"
    return escape((text[:limit] + rest).translate(_CONTROLS))


_PAGE = Template("""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>$name · pgkern</title>
<style>
:root {
  --page: #f6f7f9; --card: #fff; --ink: #1c2128; --muted: #626a75; --edge: #e1e4e8; --band: #f0f2f5;
  --s1: #2563eb; --s2: #d9480f; --s3: #16803c; --s4: #8b3fc7; --s5: #c92a3f; --s6: #7a828d;
  --correct: #116329; --correct-bg: #d9f5e0; --wrong: #a40e26; --wrong-bg: #ffe3e6;
  --absent: #7d4e00; --absent-bg: #fff1cc; --strange: #5e2ca5; --strange-bg: #efe5fc;
}
@media (prefers-color-scheme: dark) { :root {
  --page: #0f1318; --card: #171c23; --ink: #e3e8ee; --muted: #97a1ad; --edge: #2b323b; --band: #20262e;
  --s1: #6ea8fe; --s2: #ff9a5a; --s3: #56d07c; --s4: #c79bf2; --s5: #ff7b87; --s6: #9aa3ae;
  --correct: #7ee2a0; --correct-bg: #12351f; --wrong: #ff9aa5; --wrong-bg: #451820;
  --absent: #f2c96b; --absent-bg: #3c2f0c; --strange: #cfaef7; --strange-bg: #31204a;
} }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 32px 20px 64px; }
h1 { font-size: 26px; margin: 0; overflow-wrap: anywhere; line-height: 1.25; }
h2 { font-size: 18px; margin: 40px 0 12px; }
h3 { font-size: 14px; margin: 0; font-weight: 600; }
small, .muted, .note { color: var(--muted); font-weight: 400; }
small { font-size: 12.5px; }
.note { font-size: 13px; margin: 8px 0 0; }
.note strong { color: var(--wrong); }
.versions { color: var(--muted); font-size: 13px; margin: 4px 0 20px; overflow-wrap: anywhere; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(200px, 1fr)); gap: 12px; margin: 0; }
.tile:first-child { min-width: 260px; }
.tile, figure, .card { background: var(--card); border: 1px solid var(--edge); border-radius: 10px; }
.tile { padding: 12px 16px; }
.tile dt { color: var(--muted); font-size: 13px; }
.tile dd { margin: 2px 0 0; font-size: 22px; font-variant-numeric: tabular-nums; }
.card { padding: 16px; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(310px, 1fr)); gap: 12px; }
figure { margin: 0; padding: 14px 14px 8px; }
figcaption { display: flex; justify-content: space-between; gap: 12px; margin-bottom: 6px; }
td .muted { font-size: 13px; }
.last { white-space: nowrap; font-variant-numeric: tabular-nums; color: var(--muted); }
svg { display: block; width: 100%; height: auto; overflow: visible; }
svg path { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
svg .grid { stroke: var(--edge); stroke-width: 1; }
svg .band { fill: var(--band); }
svg .axis { fill: var(--muted); font-size: 12px; font-variant-numeric: tabular-nums; }
svg .faint { stroke-width: 1; opacity: .35; }
svg circle { stroke: var(--card); stroke-width: 1.5; }
.s1 { stroke: var(--s1); } .s2 { stroke: var(--s2); } .s3 { stroke: var(--s3); }
.s4 { stroke: var(--s4); } .s5 { stroke: var(--s5); } .s6 { stroke: var(--s6); }
circle.s1 { fill: var(--s1); } circle.s2 { fill: var(--s2); } circle.s3 { fill: var(--s3); }
circle.s4 { fill: var(--s4); } circle.s5 { fill: var(--s5); } circle.s6 { fill: var(--s6); }
.legend { display: flex; flex-wrap: wrap; gap: 2px 16px; list-style: none;
  margin: 0 0 6px; padding: 0; font-size: 13px; }
.legend li { display: flex; align-items: center; gap: 6px; }
.legend svg { width: 18px; height: 8px; }
.narrow { display: none; }
details > summary { cursor: pointer; }
pre, .said { font: 13px/1.45 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
  white-space: pre-wrap; overflow-wrap: anywhere; unicode-bidi: isolate; margin: 0; }
pre { margin-top: 12px; }
table { width: 100%; border-collapse: collapse; table-layout: fixed; }
th { text-align: left; font-size: 12.5px; font-weight: 600; color: var(--muted); padding: 0 8px 8px; }
th:nth-child(1) { width: 58px; } th:nth-child(2) { width: 24%; } th:nth-child(4), th:nth-child(5) { width: 9%; }
th:nth-child(6) { width: 138px; } th:nth-child(7) { width: 122px; }
td { border-top: 1px solid var(--edge); padding: 10px 8px; vertical-align: top; }
td.num { font-variant-numeric: tabular-nums; }
td summary { list-style: none; }
td summary::-webkit-details-marker { display: none; }
details[open] .preview { display: none; }
.preview { display: block; }
.more { color: var(--s1); font-size: 12.5px; }
details[open] > summary .more::before { content: "hide "; }
details:not([open]) > summary .more::before { content: "show "; }
.chip { display: inline-block; padding: 1px 9px; border-radius: 99px; font-size: 13px; white-space: nowrap;
  background: var(--band); color: var(--ink); max-width: 100%; overflow: hidden; text-overflow: ellipsis; }
.v-correct { background: var(--correct-bg); color: var(--correct); }
.v-wrong { background: var(--wrong-bg); color: var(--wrong); }
.v-no_answer { background: var(--absent-bg); color: var(--absent); }
.v-unparsed, .v-over_budget { background: var(--strange-bg); color: var(--strange); }
@media (max-width: 760px) {
  main { padding: 20px 12px 48px; }
  .wide, thead { display: none; }
  .narrow { display: block; }
  .tiles { grid-template-columns: 1fr 1fr; }
  .tile:first-child, .tile:last-child:nth-child(even) { grid-column: 1 / -1; }
  .rollouts { padding: 0; background: none; border: 0; }
  table, tbody, tr, td { display: block; }
  tr { background: var(--card); border: 1px solid var(--edge); border-radius: 10px;
    padding: 6px 12px; margin-bottom: 12px; }
  td { display: grid; grid-template-columns: 78px minmax(0, 1fr); gap: 8px; border: 0; padding: 5px 0; }
  td::before { content: attr(data-label); color: var(--muted); font-size: 12.5px; }
}
</style>
</head>
<body>
<main>
<h1>$name</h1>
<p class="versions">$versions</p>
<dl class="tiles">$tiles</dl>
<h2>Reward</h2>
<section class="card">$reward
<p class="note">Progress is read off the rewards. The policy-gradient loss is not shown: it is a scalar whose gradient
is the estimate, made anew from each batch, and its value says nothing about how good the policy is.</p></section>
<h2>Other curves</h2>
<section class="charts">$charts</section>
<h2>Example rollouts</h2>
<section class="card rollouts">$rollouts</section>
<h2>Configuration</h2>
<section class="card">$config</section>
</main>
</body>
</html>
""")
