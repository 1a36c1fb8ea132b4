"""The configuration that a run keeps in its folder, with what is changed in it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..config import RewardConfig, TrainConfig
from .typed_config import load_config


def load_stored_config(path: Path, overrides: Sequence[str] = ()) -> TrainConfig:
    """As `load_config`; a reward that the run chose for its task and prompt is chosen anew where these change.

    The file does not tell such a reward from one that somebody asked for: what would have been chosen counts as chosen.
    """
    own = load_config(TrainConfig, path)
    try:
        chosen = own.rewards == (RewardConfig(own.data.default_reward),)
    except (OSError, ValueError):  # a prompt's file that is not there any more
        chosen = False
    return load_config(TrainConfig, path, ["rewards=[]", *overrides] if chosen else overrides)
