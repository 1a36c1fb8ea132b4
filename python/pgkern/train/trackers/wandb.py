"""Metrics to Weights & Biases, or in its offline mode to a folder that ``wandb sync`` uploads later."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from ..config import TrainConfig
from ..files.atomic_write import write_file_atomically
from ..logs.metrics import Phase

_RUN_ID = "wandb_run_id"
_SECONDS_TO_START, _SECONDS_TO_FINISH = 60.0, 60.0


class WeightsAndBiases:
    """Logs to the project `config.watch.wandb_project`, a metric ``phase/metric`` for each against ``step``.

    The run's id is kept in the run folder, so that a resumed run is one run there as well. Nothing is asked and
    nothing waits for ever: offline needs neither network nor account, and online takes the credentials of
    `wandb login` or `WANDB_API_KEY`.

    Raises ValueError when the package wandb is not installed, when nobody is logged in, and when the server cannot be
    reached.
    """

    def __init__(self, config: TrainConfig, folder: Path) -> None:
        try:
            import wandb
        except ImportError as error:
            raise ValueError("watch.wandb_project needs wandb; pip install 'pgkern[wandb]'") from error
        settings = wandb.Settings(
            silent=True,
            console="off",  # leaves stdout and stderr alone
            disable_git=True,
            disable_code=True,
            x_disable_stats=True,
            init_timeout=_SECONDS_TO_START,
            finish_timeout=_SECONDS_TO_FINISH,
            finish_timeout_raises=True,
        )
        try:
            if config.watch.wandb_mode == "online" and not wandb.login(prompt=False, verify=True):
                raise ValueError(
                    "watch.wandb_project: nobody is logged in to Weights & Biases; "
                    'run `wandb login`, set WANDB_API_KEY, or set watch.wandb_mode = "offline"'
                )
            self._run = wandb.init(
                project=config.watch.wandb_project,
                mode=config.watch.wandb_mode,
                dir=folder,
                id=_run_id(folder),
                resume="allow",
                name=folder.resolve().name,
                config=asdict(config),
                settings=settings,
            )
        except wandb.Error as error:
            raise ValueError(
                f"watch.wandb_project: Weights & Biases cannot be reached: {error}; "
                'watch.wandb_mode = "offline" keeps the metrics in the run folder'
            ) from error
        # Steps of our own: a resumed run repeats those after its checkpoint, and W&B's would not go back.
        self._run.define_metric("*", step_metric="step")

    def log(self, step: int, phase: Phase, metrics: Mapping[str, float | None]) -> None:
        """Hand over the metrics of one step; sending them is another process's work."""
        self._run.log({"step": step, **{f"{phase}/{name}": value for name, value in metrics.items()}})

    def close(self) -> None:
        """Wait until everything is sent. Raises TimeoutError when that takes longer than a minute."""
        self._run.finish()


def _run_id(folder: Path) -> str:
    path = folder / _RUN_ID
    if not path.exists():
        write_file_atomically(path, uuid.uuid4().hex[:12].encode())
    return path.read_text()
