"""Live progress of a training phase: a bar and the figures that tell whether it goes well.

On a terminal the display stays in place; anywhere else (a CI log, a file) it is one line every few steps.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Mapping
from types import TracebackType
from typing import Literal, NamedTuple

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ..judging.outcomes import FAILURES

_SPEED_STEPS = 30  # the time left is judged by the last steps: a step slows down as responses grow longer
_MARGIN = 2


# Figures that are made here out of the metrics.
_BEST = "best validation_reward so far"
_FAILED = "sum of the outcomes that are failures"


class _Column(NamedTuple):
    metric: str
    heading: str
    style: str = ""


_COLUMNS: dict[str, tuple[_Column, ...]] = {
    "warmup": (
        _Column("loss", "loss"),
        _Column("validation_reward", "greedy reward", "bold green"),
        _Column("gradient_norm", "gradient norm"),
        _Column("tokens_per_second", "tokens/s"),
    ),
    "policy gradient": (
        _Column("train_reward", "train reward", "bold cyan"),
        _Column("validation_reward", "validation", "bold green"),
        _Column(_BEST, "best", "green"),
        _Column(_FAILED, "rewards failed", "bold red"),
        _Column("response_length", "length"),
        _Column("entropy", "entropy"),
        _Column("clip_fraction", "clipped"),
        _Column("gradient_norm", "gradient norm"),
        _Column("tokens_per_second", "tokens/s"),
    ),
}


class TrainingProgress:
    """Shows a phase of training while the block runs, and leaves its last state on the screen.

        with TrainingProgress(400, phase="policy gradient") as progress:
            for step in range(1, 401):
                progress.update(step, {"train_reward": ..., "tokens_per_second": ...})

    ``start_step`` is the last step done before the block: of the checkpoint, or of the phase before. A metric that
    is measured now and then, like ``validation_reward``, keeps its last value; the best one is shown beside it when it
    is another, and the share of rewards that failed once there is any. Away from a terminal a line is printed
    at the first step, every ``plain_every`` steps, at every validation and at the last step.

    Raises ValueError for an unknown phase.
    """

    def __init__(
        self,
        total_steps: int,
        phase: Literal["warmup", "policy gradient"],
        *,
        start_step: int = 0,
        plain_every: int = 10,
        console: Console | None = None,
    ) -> None:
        if phase not in _COLUMNS:
            raise ValueError(f"unknown phase {phase!r}, expected one of {', '.join(map(repr, _COLUMNS))}")
        if plain_every < 1:
            raise ValueError(f"plain_every must be at least 1, got {plain_every}")
        self._total, self._start, self._step = total_steps, start_step, start_step
        self._phase, self._plain_every = phase, plain_every
        self._console = console or Console()
        self._latest: dict[str, float | None] = {}
        self._live: Live | None = None

    def __enter__(self) -> TrainingProgress:
        self._began = time.monotonic()
        self._finished_at = deque([(self._step, self._began)], maxlen=_SPEED_STEPS + 1)
        if self._console.is_terminal:
            self._live = Live(console=self._console, get_renderable=self._render, refresh_per_second=4)
            self._live.start(refresh=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def update(self, step: int, metrics: Mapping[str, float | None]) -> None:
        """Show that a step is done, with its metrics; those without a column are ignored."""
        self._step = step
        self._finished_at.append((step, time.monotonic()))
        self._latest.update(metrics)
        self._latest.update(self._derived(metrics))
        if self._live is None:
            first, last = step == self._start + 1, step == self._total
            if first or last or step % self._plain_every == 0 or "validation_reward" in metrics:
                self._print_line()

    def _derived(self, metrics: Mapping[str, float | None]) -> dict[str, float | None]:
        """The best validation reward of this process, and the share of rollouts whose reward failed."""
        figures: dict[str, float | None] = {}
        validation, best = metrics.get("validation_reward"), self._latest.get(_BEST)
        if validation is not None and math.isfinite(validation):
            figures[_BEST] = validation if best is None else max(best, validation)
        outcomes = [metrics.get(f"outcome_{name}") for name in FAILURES]
        if any(outcomes) or _FAILED in self._latest:
            figures[_FAILED] = sum(share for share in outcomes if share is not None)
        return figures

    def _columns(self) -> list[_Column]:
        """The columns of the phase but for the best reward where it is the last one, and failures without any."""
        left_out = set() if _FAILED in self._latest else {_FAILED}
        if self._latest.get(_BEST) == self._latest.get("validation_reward"):
            left_out.add(_BEST)
        return [column for column in _COLUMNS[self._phase] if column.metric not in left_out]

    def _print_line(self) -> None:
        parts = [f"{self._phase} {self._step}/{self._total}"]
        for column in self._columns():
            if column.metric in self._latest:
                parts.append(f"{column.heading} {_format(column.metric, self._latest[column.metric])}")
        parts.append(f"left {self._time_left()}")
        self._console.print("  ".join(parts), markup=False, highlight=False, emoji=False, soft_wrap=True)
        self._console.file.flush()

    def _render(self) -> RenderableType:
        width = self._console.width - 2 * _MARGIN
        bar = Table.grid(padding=(0, 2), expand=True)
        bar.add_column(no_wrap=True)
        bar.add_column(ratio=1)
        times = [(self._time_left(), " left")]
        if width >= 76:  # a narrow terminal keeps room for the bar
            times.insert(0, (_format_seconds(time.monotonic() - self._began), " elapsed"))
        for _ in range(1 + len(times)):
            bar.add_column(no_wrap=True, justify="right")
        bar.add_row(
            Text(self._phase, "bold"),
            ProgressBar(self._total, self._step, complete_style="cyan", finished_style="green"),
            Text(f"{self._step}/{self._total}"),
            *(Text.assemble(seconds, (label, "dim")) for seconds, label in times),
        )
        figures = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1), header_style="dim")
        cells = []
        used = 0
        for column in self._columns():
            cell = _format(column.metric, self._latest[column.metric]) if column.metric in self._latest else "–"
            used += max(len(column.heading), len(cell)) + 3
            if used > width + 3:  # a narrow terminal shows the first columns whole
                break
            figures.add_column(column.heading, justify="right", no_wrap=True)
            cells.append(Text(cell, column.style))
        figures.add_row(*cells)
        return Padding(Group(bar, Text(), figures), (0, _MARGIN))

    def _time_left(self) -> str:
        (first_step, first_time), (last_step, last_time) = self._finished_at[0], self._finished_at[-1]
        if last_step == first_step:
            return "-:--:--"
        seconds_per_step = (last_time - first_time) / (last_step - first_step)
        return _format_seconds(seconds_per_step * max(self._total - last_step, 0))


def _format(metric: str, value: float | None) -> str:
    if value is None or not math.isfinite(value):
        return "not finite"
    if metric == "tokens_per_second":
        return f"{value:,.0f}"
    if metric == "response_length":
        return f"{value:.1f}"
    if metric == _FAILED:
        return f"{value:.1%}"
    if value != 0 and (abs(value) < 1e-3 or abs(value) >= 1e4):
        return f"{value:.1e}"
    return f"{value:.3f}"


def _format_seconds(seconds: float) -> str:
    minutes, whole = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{whole:02d}"
