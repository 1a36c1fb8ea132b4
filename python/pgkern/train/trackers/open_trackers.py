"""The trackers that a configuration asks for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..config import TrainConfig
from .tracker import Trackers

if TYPE_CHECKING:
    from ..files.run_folder import RunFolder
    from .tracker import Tracker


def open_trackers(
    config: TrainConfig, folder: RunFolder, *, resume_after: int | None, on_failure: Callable[[str], None]
) -> Trackers:
    """Open what `config.watch` asks for, to go on after step `resume_after` where the run is resumed.

    `on_failure` is told in words when a tracker fails later on; the run goes on without it. Raises `ValueError` at
    once for one that cannot be opened: its package is not installed, nobody is logged in, the server does not answer.
    """
    trackers: list[Tracker] = []
    try:
        if config.watch.tensorboard:
            from .tensorboard import TensorBoard

            trackers.append(TensorBoard(folder.path / "tensorboard", resume_after=resume_after))
        if config.watch.wandb_project is not None:
            from .wandb import WeightsAndBiases

            trackers.append(WeightsAndBiases(config, folder.path))
    except BaseException:
        Trackers(trackers, on_failure).close()
        raise
    return Trackers(trackers, on_failure)
