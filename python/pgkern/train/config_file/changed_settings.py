"""What a run that goes on does otherwise than before: its new settings against its old ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from ..config import TrainConfig
from .config_error import ConfigError

_CHANGE_NO_NUMBER = (
    "run.folder",
    "run.checkpoint_every",
    "run.kept_checkpoints",
    "run.logged_rollouts",
    "watch.",
)
_IN_THE_CHECKPOINT = ("model.", "lora.", "value.kind", "warmup.steps")  # which steps are counted from


def _changes_no_number(key: str) -> bool:
    """Several threads add up in another order, so those of an engine do change its last bits."""
    return key.startswith(_CHANGE_NO_NUMBER) or (key.startswith("vllm.") and key != "vllm.cpu_threads")


def changed_settings(old: TrainConfig, new: TrainConfig) -> list[str]:
    """The settings by which the resumed run differs from what it would have been, as ``key old -> new``.

    Raises ConfigError for one that cannot change, because what is in the checkpoint has been made by it.
    """
    told = []
    for key, before, after in _differences(old, new, ""):
        if _changes_no_number(key):
            continue
        if key.startswith(_IN_THE_CHECKPOINT) and key != "model.path":  # a folder may have moved; it is not read again
            raise ConfigError(
                f"{key} cannot change in a run that goes on ({before} -> {after}); "
                "start a new run, with model.path = a checkpoint of this one if it is to begin from its weights"
            )
        told.append(f"{key} {before} -> {after}")
    return told


def _differences(old: object, new: object, key: str) -> Iterator[tuple[str, Any, Any]]:
    if dataclasses.is_dataclass(old) and type(old) is type(new):
        for field in dataclasses.fields(old):
            name = f"{key}.{field.name}" if key else field.name
            yield from _differences(getattr(old, field.name), getattr(new, field.name), name)
    elif isinstance(old, tuple) and isinstance(new, tuple) and len(old) == len(new) and old != new:
        for place, (before, after) in enumerate(zip(old, new, strict=True)):
            yield from _differences(before, after, f"{key}[{place}]")
    elif old != new:
        yield key, _short(old), _short(new)


def _short(value: object) -> object:
    """A table that only one side has is told by its number of entries."""
    return f"{len(value)} of them" if isinstance(value, tuple) else value
