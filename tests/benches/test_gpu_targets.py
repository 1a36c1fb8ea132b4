"""`make test-gpu` and `make bench-gpu` need nothing but the wheel, torch, triton, numpy and pytest."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from benches import gpu_machine
from benches.environment import ROOT, device_name

NOT_THERE = (
    "hypothesis", "rich", "matplotlib", "transformers", "tokenizers", "safetensors", "math_verify", "trl", "pandas",
    "datasets", "accelerate", "pytest_timeout", "liger_kernel", "quack", "cut_cross_entropy", "flash_attn",
)  # fmt: skip
WITHOUT_THEM = f"""
import runpy, sys

class NotThere:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {NOT_THERE!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

from importlib import util
find_spec = util.find_spec
util.find_spec = lambda name, *more: None if name.partition(".")[0] in {NOT_THERE!r} else find_spec(name, *more)
sys.meta_path.insert(0, NotThere())
module, *sys.argv[1:] = sys.argv[1:]
sys.path.insert(0, "")  # as `python -m` does
runpy.run_module(module, run_name="__main__", alter_sys=True)
"""


def without_them(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WITHOUT_THEM, module, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


@pytest.mark.parametrize("bench", ["linear_policy_loss", "logits_policy_loss", "packing"])
def test_benches_run_without_what_is_optional(bench: str, tmp_path: Path) -> None:
    device = () if bench == "packing" else ("--device", "cpu")
    done = without_them("benches", bench, "--quick", "--results", str(tmp_path), *device)
    assert done.returncode == 0, done.stderr
    assert [path.suffix for path in tmp_path.iterdir()] == [".json"]
    assert "no picture, as matplotlib is not installed" in done.stdout
    assert "python -m benches draw" in done.stdout
    if device:
        assert "TRL" in done.stdout
        assert "is left out: the package trl is not installed" in done.stdout


def test_the_demo_is_left_out_without_transformers(tmp_path: Path) -> None:
    done = without_them("benches", "demo", "--results", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "the demo is left out: the package transformers is not installed" in done.stdout


def test_gpu_tests_are_collected_without_what_is_optional() -> None:
    plugins = ("-p", "no:timeout", "-p", "no:hypothesispytest", "-p", "no:cacheprovider")
    done = without_them("pytest", *plugins, "-m", "gpu", "--collect-only", "-q", "tests/kernels/test_gpu.py")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "tests/kernels/test_gpu.py::test_bitwise_repeatable" in done.stdout


def test_every_gpu_test_is_in_a_file_that_the_target_names() -> None:
    marked = {path for path in ROOT.glob("tests/**/*.py") if "pytest.mark." + "gpu" in path.read_text(encoding="utf-8")}
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert marked == {ROOT / name for name in re.findall(r"-m pytest -m gpu ([^\s;]+)", makefile)}


def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert gpu_machine.missing(["numpy", "no_such_module", "torch"]) == [
        "no_such_module cannot be imported: No module named 'no_such_module'",
        "torch sees no CUDA device",
    ]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "NVIDIA H200")
    assert gpu_machine.missing(["numpy", "torch"]) == []


def test_what_is_missing_ends_the_target() -> None:
    done = without_them("benches.gpu_machine", "rich")
    assert done.returncode == 1
    assert "MISSING: rich cannot be imported: No module named 'rich'" in done.stderr


@pytest.mark.parametrize(
    ("gpu", "name"),
    [
        ("NVIDIA H200", "h200"),
        ("NVIDIA A100-SXM4-80GB", "a100-sxm4-80gb"),
        ("NVIDIA GeForce RTX 4090", "rtx-4090"),
        ("AMD Instinct MI300X", "mi300x"),
    ],
)
def test_a_gpu_names_its_records(gpu: str, name: str) -> None:
    assert device_name({"gpu": gpu}) == name
    assert device_name({"cpu": "a processor"}) == "cpu"
