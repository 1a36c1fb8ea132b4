import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import matplotlib.image
import pytest
import torch

from pgkern.__main__ import main as pgkern

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples/baselines"
TINY = (
    "run.steps=2",
    "run.evaluate_every=1",
    "warmup.steps=1",
    "data.num_validation=4",
    "rollouts.prompts_per_step=2",
    "rollouts.samples_per_prompt=2",
    "rollouts.max_tokens=2",
    "model.hidden_size=32",
    "model.num_layers=1",
)


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The example's run.py, whose modules are gone again afterwards; `pgkern train` runs in this process."""
    monkeypatch.syspath_prepend(EXAMPLE)
    before = set(sys.modules)
    import run  # type: ignore[import-not-found]

    def in_process(command: list[str], **_options: Any) -> "subprocess.CompletedProcess[str]":
        return subprocess.CompletedProcess(command, pgkern(command[3:]), "", "")

    monkeypatch.setattr("runs.subprocess.run", in_process)
    yield run
    for name in [name for name in sys.modules if name not in before and (EXAMPLE / f"{name}.py").exists()]:
        del sys.modules[name]


def start(example: ModuleType, folder: Path, monkeypatch: pytest.MonkeyPatch, *more: str) -> None:
    arguments = ["run.py", "--folder", str(folder), "--seeds", "0", "--processes", "1", *more]
    for setting in TINY:
        arguments += ["--set", setting]
    monkeypatch.setattr(sys, "argv", arguments)
    assert example.main() == 0


def test_variants_are_trained_once_and_told_of(
    example: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ("none", "value", "off-policy-2")
    page_before = (ROOT / "docs/baselines.md").read_bytes()
    start(example, tmp_path, monkeypatch, "--variants", *names, "--noise-batches", "0")
    results = json.loads((tmp_path / "results.json").read_text())
    assert [row["name"] for row in results["variants"]] == list(names)
    for row in results["variants"]:
        (trained,) = row["runs"]
        assert trained["samples"] == [0, 4, 8]
        assert len(trained["validation_reward"]) == 3
        assert trained["diverged"] is None
        assert row["final"] == [trained["validation_reward"][-1]] * 3
    image = matplotlib.image.imread(tmp_path / "results.png")
    assert min(image.shape[:2]) > 150
    assert "value, seed 0" in capsys.readouterr().out

    start(example, tmp_path, monkeypatch, "--variants", *names, "--noise-batches", "0")
    assert "value, seed 0" not in capsys.readouterr().out  # what has finished is not run again
    assert (ROOT / "docs/baselines.md").read_bytes() == page_before  # other settings are another experiment


def test_the_noise_is_the_trace_of_the_gradients_covariance(
    example: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a share of that without a baseline; group mean, put right, is leave-one-out."""
    import gradient_noise  # type: ignore[import-not-found]

    vectors: dict[str, list[torch.Tensor]] = {}
    estimate = gradient_noise._gradient

    def recorded(policy: Any, samples: Any, config: Any, *learned: Any) -> torch.Tensor:
        vector: torch.Tensor = estimate(policy, samples, config, *learned)
        vectors.setdefault(config.advantages.baseline, []).append(vector)
        return vector

    monkeypatch.setattr(gradient_noise, "_gradient", recorded)
    reward = tmp_path / "reward.py"
    reward.write_text("def score(completion, gold):\n    return sum(map(ord, completion)) % 7 / 6\n")
    names = ("none", "group-mean", "leave-one-out", "value")
    own = f'rewards=[{{function="{reward}:score"}}]'
    start(example, tmp_path, monkeypatch, "--variants", *names, "--noise-batches", "4", "--set", own)
    noise = json.loads((tmp_path / "gradient-noise.json").read_text())

    traces = {name: torch.stack(estimates).var(0).sum().item() for name, estimates in vectors.items()}
    assert traces["none"] > 0
    for name, factor in {"none": 1.0, "group_mean": 2.0, "leave_one_out": 1.0, "value": 1.0}.items():
        share = factor**2 * traces[name] / traces["none"]
        assert noise[name.replace("_", "-")] == pytest.approx(share, rel=1e-6, abs=1e-4), name
    for mean, one_out in zip(vectors["group_mean"], vectors["leave_one_out"], strict=True):
        torch.testing.assert_close(2.0 * mean, one_out, rtol=1e-4, atol=1e-7)


def test_a_noise_that_cannot_be_told_is_refused(example: ModuleType) -> None:
    from gradient_noise import gradient_noise

    variants = [variant for variant in sys.modules["variants"].VARIANTS if variant.name == "group-mean"]
    with pytest.raises(ValueError, match="name the variant 'none' too"):
        gradient_noise(None, variants, 0)
    with pytest.raises(ValueError, match="batches is 1"):
        gradient_noise(None, variants, 0, batches=1)


def test_the_table_has_the_results(example: ModuleType) -> None:
    run = {"diverged": None}
    row = {
        "name": "none",
        "title": "no baseline",
        "final": [0.5, 0.25, 0.75],
        "mean": 0.4,
        "solved_after": None,
        "seeds_solved": 1,
        "clip_fraction": 0.0123,
        "ratio_max": 1.0,
        "last_entropy": 0.1,
        "seconds": 70.2,
        "runs": [run, {"diverged": "the loss is nan at step 3"}],
    }
    results = {
        "date": "2026-01-01T00:00:00+00:00",
        "machine": "a machine",
        "versions": {"torch": "2.13.0", "pgkern": "0.1.0"},
        "seeds": [0, 1],
        "solved": 0.8,
        "gradient_noise": {"none": 1.0},
        "variants": [row, {**row, "name": "value", "solved_after": 12800, "runs": [run, run]}],
    }
    first, second = sys.modules["page"].table(results).splitlines()[-2:]
    assert first == (
        "| no baseline | 0.50 (0.25 to 0.75), 1 of 2 diverged | 0.40 | 1 of 2 seeds | 1.00 | 1.23 % | 1 | 0.100 | 70 |"
    )
    assert "| 12,800 | - |" in second


def test_the_page_has_a_place_for_the_table(example: ModuleType, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_bytes((ROOT / "docs/baselines.md").read_bytes())
    results = {
        "date": "2026-01-01",
        "machine": "",
        "versions": {"torch": "", "pgkern": ""},
        "seeds": [],
        "solved": 0.8,
        "variants": [],
    }
    sys.modules["page"].write_page(page, results)
    assert "2026-01-01" in page.read_text(encoding="utf-8")
    page.write_text("nothing")
    with pytest.raises(ValueError, match="no place for the results"):
        sys.modules["page"].write_page(page, results)
