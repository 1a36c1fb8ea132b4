import json
import os
import subprocess
import sys
from pathlib import Path

import matplotlib.image

ROOT = Path(__file__).parents[1]
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


def run(folder: Path, *more: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, str(ROOT / "examples/baselines/run.py"), "--folder", str(folder), "--seeds", "0"]
    for setting in TINY:
        command += ["--set", setting]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run([*command, *more], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)


def test_variants_are_trained_once_and_told_of(tmp_path: Path) -> None:
    done = run(tmp_path, "--variants", "clipped-2", "--noise-batches", "0")
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "results.json").read_text())
    (row,) = results["variants"]
    (trained,) = row["runs"]
    assert trained["samples"] == [0, 4, 8]
    assert len(trained["validation_reward"]) == 3
    assert trained["diverged"] is None
    assert row["final"] == [trained["validation_reward"][-1]] * 3
    assert not (tmp_path / "warm-seed-0/metrics.jsonl").read_text().count("policy_gradient")
    image = matplotlib.image.imread(tmp_path / "results.png")
    assert min(image.shape[:2]) > 150

    again = run(tmp_path, "--variants", "clipped-2", "--noise-batches", "0")
    assert again.returncode == 0, again.stderr
    assert "clipped-2, seed 0" in done.stdout
    assert "clipped-2, seed 0" not in again.stdout  # what has finished is not run again


def test_the_page_has_a_place_for_the_table() -> None:
    page = (ROOT / "docs/baselines.md").read_text(encoding="utf-8")
    assert page.count("<!-- results: written by examples/baselines/run.py -->") == 1
    assert page.count("<!-- end of results -->") == 1
