"""The GPU's half of both loss benches, from the grid to the pictures, on a GPU that is really the CPU."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from benches.__main__ import main
from benches.provider_names import COMPILED, NAIVE, PGKERN, PRODUCTS
from torch.overrides import TorchFunctionMode

SMALL = ("--tokens", "64", "--hidden-size", "32", "--vocabulary", "127", "--rounds", "2")


class OnCpu(TorchFunctionMode):
    """What is asked to be on "cuda" is on the CPU."""

    def __torch_function__(self, function: Callable, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if str(kwargs.get("device")).startswith("cuda"):
            kwargs["device"] = "cpu"
        return function(*args, **kwargs)


@pytest.fixture
def pretended_gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A list of what was asked of it."""
    asked: list[str] = []

    def answer(name: str, value: Any = None) -> None:
        def said(*_args: Any) -> Any:
            asked.append(name)
            return value

        monkeypatch.setattr(torch.cuda, name, said)

    answer("is_available", True)
    answer("get_device_name", "NVIDIA H200")
    answer("get_device_properties", SimpleNamespace(total_memory=1 << 37))
    answer("memory_allocated", 0)
    answer("max_memory_allocated", 1 << 20)
    for name in ("synchronize", "reset_peak_memory_stats", "empty_cache"):
        answer(name)
    monkeypatch.setattr("benches.peers.find_spec", lambda _package: None)  # peers would notice
    generator = torch.Generator

    class Generator:  # a class, as torch names it in annotations
        def __new__(cls, device: str = "cpu") -> torch.Generator:
            return generator()

    monkeypatch.setattr(torch, "Generator", Generator)
    monkeypatch.setattr(torch, "compile", lambda function, **_options: function)
    monkeypatch.setattr(torch.compiler, "reset", lambda: None)
    with OnCpu():
        yield asked


@pytest.mark.parametrize("bench", ["linear_policy_loss", "logits_policy_loss"])
def test_from_the_grid_to_the_pictures(bench: str, pretended_gpu: list[str], tmp_path: Path) -> None:
    sizes = SMALL if bench == "linear_policy_loss" else (*SMALL[:2], *SMALL[4:])
    assert main(["--results", str(tmp_path), bench, "--device", "cuda", *sizes]) == 0
    name = f"h200-{bench.replace('_', '-')}"
    record = json.loads((tmp_path / f"{name}.json").read_text())
    assert record["device"]["gpu"] == "NVIDIA H200"
    assert (tmp_path / f"{name}.png").exists()
    assert {PGKERN, NAIVE, COMPILED} <= {row["provider"] for row in record["rows"]}
    assert record["goals"]
    assert {"synchronize", "reset_peak_memory_stats", "max_memory_allocated"} <= set(pretended_gpu)
    if bench == "linear_policy_loss":
        assert len({row["case"] for row in record["rows"]}) == 10
        assert (tmp_path / f"{name}-time-memory.png").exists()
        assert all("products_ratio" in row for row in record["rows"])
        gradient_bytes = 2 * (64 + 127) * 32
        both = [row for row in record["rows"] if row["work"] == "both" and row["provider"] == PGKERN]
        assert all(row["extra_bytes"] == (1 << 20) - gradient_bytes for row in both)


def test_plain_torch_may_run_out_of_memory(
    pretended_gpu: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def out_of_memory(*_args: Any, **_options: Any) -> None:
        raise torch.OutOfMemoryError

    monkeypatch.setattr("benches.policy_providers.naive.linear_policy_loss", out_of_memory)
    one = ("--device", "cuda", *SMALL, "--work", "both", "--active", "1")
    monkeypatch.setattr("benches.policy_truth._truth", lambda *_args: [torch.ones(())] * 3)  # which is plain torch too
    assert main(["--results", str(tmp_path), "linear_policy_loss", *one]) == 0
    record = json.loads((tmp_path / "h200-linear-policy-loss.json").read_text())
    assert {row["provider"] for row in record["rows"]} == {PGKERN, PRODUCTS}
    assert not any("time_ratio" in row for row in record["rows"])
    assert any(f"{NAIVE} is left out at this size: out of memory" in note for note in record["notes"])
    assert "empty_cache" in pretended_gpu
