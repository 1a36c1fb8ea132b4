"""Metrics as TensorBoard event files: ``tensorboard --logdir RUN/tensorboard``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from ..logs.metrics import Phase


class TensorBoard:
    """Writes event files into ``folder``, a scalar ``phase/metric`` for each metric; one that is not finite is NaN.

    With ``resume_after`` the steps after it that were written before are taken back, and the numbering goes on.

    Raises ValueError when the package tensorboard is not installed.
    """

    def __init__(self, folder: Path, *, resume_after: int | None) -> None:
        try:
            from torch.utils.tensorboard.writer import SummaryWriter
        except ImportError as error:
            raise ValueError("watch.tensorboard needs tensorboard; pip install 'pgkern[tensorboard]'") from error
        purge_step = None if resume_after is None else resume_after + 1
        self._writer = SummaryWriter(str(folder), purge_step=purge_step)

    def log(self, step: int, phase: Phase, metrics: Mapping[str, float | None]) -> None:
        """Write the metrics of one step; they are in the file when this returns."""
        for name, value in metrics.items():
            number = math.nan if value is None else value
            self._writer.add_scalar(f"{phase}/{name}", number, step)
        self._writer.flush()

    def close(self) -> None:
        """Close the event file."""
        self._writer.close()
