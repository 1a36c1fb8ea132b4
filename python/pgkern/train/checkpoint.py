"""A run's state on disk: the model and tokenizer as transformers loads them, and what else goes on from here."""

import json
from dataclasses import asdict
from pathlib import Path

import torch
from torch.optim import Optimizer

from .atomic_write import atomic_directory
from .policy_model import Policy
from .state import TrainerState

_STATE, _OPTIMIZER = "trainer.json", "optimizer.pt"


def save_checkpoint(folder: Path, policy: Policy, optimizer: Optimizer, state: TrainerState) -> None:
    """Write it complete or not at all; the checkpoint before it is replaced only then."""
    with atomic_directory(folder) as new:
        policy.model.save_pretrained(new)
        policy.tokenizer.save_pretrained(new)
        torch.save(optimizer.state_dict(), new / _OPTIMIZER)
        (new / _STATE).write_text(json.dumps(asdict(state), indent=2) + "\n")


def load_state(folder: Path) -> TrainerState:
    """How far the checkpoint is."""
    return TrainerState(**json.loads((folder / _STATE).read_text()))


def load_optimizer(folder: Path, optimizer: Optimizer) -> None:
    """Put the checkpoint's moments into an optimiser over the same parameters."""
    optimizer.load_state_dict(torch.load(folder / _OPTIMIZER, weights_only=True))
