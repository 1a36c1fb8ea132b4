"""Weights in a folder, for engines that have a model of their own: looked at before they are written and before read.

An engine takes a missing tensor, a NaN and a rounded number without a word, and a torn file leaves it half updated.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

_WEIGHTS, _DESCRIPTION = "model.safetensors", "weights.json"


@dataclass(frozen=True)
class WeightKind:
    """What a weight's values are stored in."""

    shape: tuple[int, ...]
    dtype: torch.dtype

    def __str__(self) -> str:
        return f"{str(self.dtype).removeprefix('torch.')} {list(self.shape)}"


def kinds_of(weights: Iterable[tuple[str, Tensor]]) -> dict[str, WeightKind]:
    """The kind of each weight by its name; tensors on the meta device will do."""
    return {name: WeightKind(tuple(tensor.shape), tensor.dtype) for name, tensor in weights}


def write_weight_folder(
    folder: Path, weights: Iterable[tuple[str, Tensor]], version: int, expected: Mapping[str, WeightKind]
) -> None:
    """Write the weights with their version and their hash; `folder` appears complete or not at all.

    `expected` is every weight of the engine's model, a tied `lm_head.weight` too: without it the engine's output layer
    would stay as it was. Nothing is written when the weights are refused; a folder of before is replaced.

    Raises `ValueError` for a name that is missing or unknown, another shape and another dtype, and `FloatingPointError`
    for a value that is not finite: the policy has diverged.
    """
    given = dict(weights)
    require_expected(given, expected)
    new = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(new, ignore_errors=True)  # one that a kill has left
    new.mkdir(parents=True)
    try:
        save_file(_separate(given), new / _WEIGHTS, metadata={"format": "pt"})
        description = {"version": version, "bytes": (new / _WEIGHTS).stat().st_size, "sha256": _sha256(new / _WEIGHTS)}
        (new / _DESCRIPTION).write_text(json.dumps(description) + "\n")
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)  # the error that is on its way tells more
        raise
    shutil.rmtree(folder, ignore_errors=True)
    os.rename(new, folder)


def check_weight_folder(folder: Path) -> int:
    """The version of the weights in the folder. Raises `ValueError` when it is torn: no engine may load it."""
    try:
        description = json.loads((folder / _DESCRIPTION).read_text())
        version, size, digest = int(description["version"]), description["bytes"], description["sha256"]
        found = (folder / _WEIGHTS).stat().st_size
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{folder} holds no whole weights: {error}") from error
    if found != size:
        raise ValueError(f"{folder / _WEIGHTS} is torn: it has {found} bytes, expected {size}")
    if _sha256(folder / _WEIGHTS) != digest:
        raise ValueError(f"{folder / _WEIGHTS} is torn: its SHA-256 is not the one it was written with")
    return version


def require_expected(given: Mapping[str, Tensor], expected: Mapping[str, WeightKind]) -> None:
    """Raise what `write_weight_folder` raises unless these are all weights of the engine's model, and finite."""
    missing, unknown = sorted(expected.keys() - given.keys()), sorted(given.keys() - expected.keys())
    if missing:
        raise ValueError(f"{len(missing)} weights are missing, the first is {missing[0]!r}")
    if unknown:
        raise ValueError(f"the engine's model has no weight named {unknown[0]!r}, nor {len(unknown) - 1} others")
    for name, kind in kinds_of(given.items()).items():
        if kind != expected[name]:
            raise ValueError(f"the weight {name!r} is {kind}, expected {expected[name]}")
    for name, tensor in given.items():
        if not bool(torch.isfinite(tensor).all()):
            raise FloatingPointError(f"the weight {name!r} is not finite")


def _separate(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights on the CPU, each with memory of its own: the file's format knows no tied ones."""
    seen: set[int] = set()
    separate = {}
    for name, tensor in weights.items():
        alone = tensor.detach().cpu().contiguous()
        if alone.untyped_storage().data_ptr() in seen or alone.untyped_storage().nbytes() != alone.nbytes:
            alone = alone.clone()
        seen.add(alone.untyped_storage().data_ptr())
        separate[name] = alone
    return separate


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while block := file.read(1 << 22):
            digest.update(block)
    return digest.hexdigest()
