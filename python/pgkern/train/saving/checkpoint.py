"""What is in a checkpoint: the model and tokenizer as transformers loads them, and all else that a run goes on from."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from torch.optim import Optimizer

from ..divergence.reward_history import RewardHistory
from ..divergence.validation_history import Validation, ValidationHistory
from ..state import TrainerState

if TYPE_CHECKING:
    from ..model.policy_model import Policy

_STATE, _OPTIMIZER, _VALUE, _RANDOM = "trainer.json", "optimizer.pt", "value.pt", "rng.pt"
_CONFIG, _AHEAD = "config.toml", "ahead.json"
TRAINERS_FILES = (_STATE, _OPTIMIZER, _VALUE, _RANDOM, _CONFIG, _AHEAD)
"""Of a checkpoint, beside model and tokenizer: what only a run that goes on reads."""


class Stateful(Protocol):
    """The value function with its optimiser, or whatever else is more than the policy."""

    def state_dict(self) -> dict[str, Any]:
        """Tensors and plain values."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` gave."""


@dataclass
class Saved:
    """All that a step changes, and the settings it was made with."""

    policy: Policy
    optimizer: Optimizer
    state: TrainerState
    config: str
    """As TOML."""
    value: Stateful | None = None
    ahead: Callable[[Path], None] | None = None
    """Writes the rollouts that the next step begins with, where they are drawn already."""


def write_checkpoint(folder: Path, saved: Saved) -> None:
    """Fill an empty folder; `Checkpoints.save` makes it a checkpoint."""
    saved.policy.save(folder)
    _write_tensors(folder / _OPTIMIZER, saved.optimizer.state_dict())
    if saved.value is not None:
        _write_tensors(folder / _VALUE, saved.value.state_dict())
    _write_tensors(folder / _RANDOM, _random_state())
    _write_state(folder, saved.state)
    if saved.ahead is not None:
        saved.ahead(folder / _AHEAD)
    (folder / _CONFIG).write_text(saved.config)


def copy_with_state(folder: Path, new: Path, state: TrainerState) -> None:
    """Fill an empty folder with a checkpoint and another state; rollouts that were drawn ahead are left behind."""
    shutil.copytree(folder, new, dirs_exist_ok=True)
    (new / _AHEAD).unlink(missing_ok=True)  # other samples are wanted
    _write_state(new, state)


def load_state(folder: Path) -> TrainerState:
    """How far the checkpoint is. Raises `ValueError` for one whose fields are not ours, naming them."""
    values = json.loads((folder / _STATE).read_text())
    known = {field.name for field in fields(TrainerState)}
    missing, unknown = known - values.keys(), values.keys() - known
    if missing or unknown:
        told = [f"lacks {_list(missing)}"] * bool(missing) + [f"has the unknown {_list(unknown)}"] * bool(unknown)
        raise ValueError(
            f"{folder / _STATE} {' and '.join(told)}: another release of pgkern wrote it; go on with that release, "
            f"or start a new run from the model in it (model.path = {str(folder)!r})"
        )
    rewards = RewardHistory(**values.pop("reward_history"))
    evaluations = values.pop("validation_history")
    best = evaluations.pop("best")
    validations = ValidationHistory(best=best and Validation(**best), **evaluations)
    return TrainerState(**values, reward_history=rewards, validation_history=validations)


def load_optimizer(folder: Path, optimizer: Optimizer) -> None:
    """Put the checkpoint's moments into an optimiser over the same parameters, which keeps its own settings."""
    settings = [{name: value for name, value in group.items() if name != "params"} for group in optimizer.param_groups]
    optimizer.load_state_dict(_read_tensors(folder / _OPTIMIZER))
    for group, own in zip(optimizer.param_groups, settings, strict=True):
        group.update(own)  # torch brings back the old weight decay and betas


def require_value(folder: Path) -> None:
    """Raise `ValueError` for a checkpoint without a value function."""
    if not (folder / _VALUE).exists():
        raise ValueError(f"{folder} has no value function; a learned baseline cannot begin in a run that goes on")


def load_value(folder: Path, value: Stateful) -> None:
    """Put the checkpoint's value function into one of the same shape. Raises what `require_value` raises."""
    require_value(folder)
    value.load_state_dict(_read_tensors(folder / _VALUE))


def rollouts_ahead(folder: Path) -> Path | None:
    """The file of rollouts that the next step begins with, where there is one."""
    return folder / _AHEAD if (folder / _AHEAD).exists() else None


def load_random_state(folder: Path) -> None:
    """Set the generators of torch, numpy and Python to where they were.

    pgkern's own draws are seeded step by step and touch none of them; a reward or an engine of the user's may.
    """
    state = _read_tensors(folder / _RANDOM)
    torch.set_rng_state(state["torch"])
    if len(state["cuda"]) == torch.cuda.device_count():  # another machine has its own
        torch.cuda.set_rng_state_all(state["cuda"])
    np.random.set_state((state["numpy"][0], np.asarray(state["numpy"][1], dtype=np.uint32), *state["numpy"][2:]))
    random.setstate((state["python"][0], tuple(state["python"][1]), state["python"][2]))


def _random_state() -> dict[str, Any]:
    numpy_state: Any = np.random.get_state()  # of np.random.seed; a Generator is its owner's to keep
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "numpy": [numpy_state[0], numpy_state[1].tolist(), *numpy_state[2:]],
        "python": list(random.getstate()),
    }


def _write_state(folder: Path, state: TrainerState) -> None:
    (folder / _STATE).write_text(json.dumps(asdict(state), indent=2) + "\n")


def _write_tensors(path: Path, value: object) -> None:
    with path.open("wb") as file:  # not by its path: torch's own writer would hide what the disk said
        torch.save(value, file)


def _read_tensors(path: Path) -> Any:  # noqa: ANN401 - what `_write_tensors` was given
    return torch.load(path, weights_only=True, map_location="cpu")


def _list(names: set[str]) -> str:
    return ", ".join(sorted(names))
