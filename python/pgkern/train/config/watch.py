"""Where the metrics go besides the run folder."""

from dataclasses import dataclass
from typing import Literal

WandbMode = Literal["online", "offline"]


@dataclass(frozen=True)
class WatchConfig:
    """TensorBoard and Weights & Biases, each where it is asked for."""

    tensorboard: bool = False  # event files in the run folder's tensorboard/
    wandb_project: str | None = None
    wandb_mode: WandbMode = "online"
