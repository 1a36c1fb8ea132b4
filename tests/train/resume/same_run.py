"""What a run has left on disk, and what must be equal of two."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

import torch

OWN = {"optimizer.pt", "value.pt", "rng.pt", "trainer.json", "config.toml", "tokenizer.json"}


def rows(run: Path, name: str = "metrics.jsonl") -> list[dict[str, Any]]:
    """The whole rows of a log that may be being written."""
    content = (run / name).read_bytes() if (run / name).exists() else b""
    return [json.loads(line) for line in content.splitlines(keepends=True) if line.endswith(b"\n")]


def last_step(run: Path) -> int:
    metrics = rows(run)
    return int(metrics[-1]["step"]) if metrics else -1


def events(run: Path) -> list[str]:
    return [row["event"] for row in rows(run, "events.jsonl")]


def assert_same_run(run: Path, expected: Path, *, apart_from: Collection[str] = ()) -> None:
    """Metrics but for times, rollouts, and all that is in the last checkpoint, bit for bit."""
    ours, theirs = [
        [
            {key: value for key, value in row.items() if "second" not in key and key not in apart_from}
            for row in rows(path)
        ]
        for path in (run, expected)
    ]
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        assert one == other
    assert (run / "rollouts.jsonl").read_bytes() == (expected / "rollouts.jsonl").read_bytes()
    last, other = ((path / "checkpoint").resolve() for path in (run, expected))
    assert last.name == other.name
    assert {path.name for path in last.iterdir()} == {path.name for path in other.iterdir()}
    # Not the hashes, nor what transformers and peft note of where they had a model from.
    names = {path.name for path in other.iterdir() if path.name in OWN or path.suffix == ".safetensors"}
    assert names > OWN - {"value.pt"}
    for name in names:
        if name.endswith(".pt"):
            assert_equal(torch.load(last / name, weights_only=True), torch.load(other / name, weights_only=True))
        else:
            assert (last / name).read_bytes() == (other / name).read_bytes(), name


def assert_equal(one: object, other: object) -> None:
    """Two nests of dictionaries, lists, numbers and tensors."""
    if isinstance(one, torch.Tensor):
        assert isinstance(other, torch.Tensor)
        assert torch.equal(one, other)
    elif isinstance(one, dict):
        assert isinstance(other, dict)
        assert one.keys() == other.keys()
        for key in one:
            assert_equal(one[key], other[key])
    elif isinstance(one, list | tuple):
        assert isinstance(other, list | tuple)
        assert len(one) == len(other)
        for ours, theirs in zip(one, other, strict=True):
            assert_equal(ours, theirs)
    else:
        assert one == other
