"""What came of the runs: curves out of their metrics, and a summary of each variant over the seeds."""

import json
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from runs import Experiment
from variants import Variant

from pgkern.train.logs.jsonl_log import read_jsonl
from pgkern.train.logs.metrics import read_metrics

SOLVED = 0.8


@dataclass(frozen=True)
class Run:
    """One variant from one seed."""

    seed: int
    seconds: float
    diverged: str | None
    """What ended the run early, if anything did."""
    samples: list[int]
    """Samples seen at each evaluation."""
    validation_reward: list[float]
    """Greedy answers to held-out problems, at each evaluation."""
    train_reward: list[float]
    """Of each step's samples."""
    gradient_norm: list[float]
    clip_fraction: list[float]
    ratio_max: list[float]
    entropy: list[float]

    @property
    def final(self) -> float:
        """The last validation reward."""
        return self.validation_reward[-1]

    @property
    def mean(self) -> float:
        """The mean validation reward over the run: the earlier the better."""
        return sum(self.validation_reward) / len(self.validation_reward)

    @property
    def solved_after(self) -> int | None:
        """Samples until the validation reward first reached `SOLVED`."""
        pairs = zip(self.samples, self.validation_reward, strict=True)
        return next((samples for samples, reward in pairs if reward >= SOLVED), None)


def read_results(experiment: Experiment, variants: Sequence[Variant], seeds: Sequence[int]) -> dict[str, Any]:
    """The record of everything that has finished; raises `ValueError` where nothing has."""
    rows, noise = [], experiment.noise_file
    for variant in variants:
        runs = [
            _run(experiment, variant.name, seed)
            for seed in seeds
            if experiment.seconds_file(variant.name, seed).exists()
        ]
        if runs:
            rows.append(_row(variant, runs))
    if not rows:
        raise ValueError(f"no run in {experiment.folder} has finished")
    return {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "machine": _machine(),
        "versions": {name: version(name) for name in ("pgkern", "torch", "transformers")},
        "seeds": list(seeds),
        "overrides": list(experiment.overrides),
        "solved": SOLVED,
        "gradient_noise": json.loads(noise.read_text()) if noise.exists() else {},
        "variants": rows,
    }


def write_results(path: Path, results: dict[str, Any]) -> None:
    """As JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


def _row(variant: Variant, runs: Sequence[Run]) -> dict[str, Any]:
    finals, solved = [run.final for run in runs], [run.solved_after for run in runs]
    clipped = [value for run in runs for value in run.clip_fraction]
    return {
        "name": variant.name,
        "title": variant.title,
        "settings": list(variant.settings),
        "final": [round(median(finals), 4), round(min(finals), 4), round(max(finals), 4)],
        "mean": round(median(run.mean for run in runs), 4),
        "solved_after": None if None in solved else median(samples for samples in solved if samples is not None),
        "seeds_solved": sum(samples is not None for samples in solved),
        "clip_fraction": round(sum(clipped) / len(clipped), 5) if clipped else 0.0,
        "ratio_max": max((value for run in runs for value in run.ratio_max), default=1.0),
        "last_entropy": round(median(run.entropy[-1] for run in runs), 5),
        "seconds": round(median(run.seconds for run in runs), 1),
        "runs": [asdict(run) for run in runs],
    }


def _run(experiment: Experiment, name: str, seed: int) -> Run:
    folder = experiment.run_folder(name, seed)
    rows = read_metrics(folder / "metrics.jsonl")
    steps = [row for row in rows if row["phase"] == "policy_gradient"]
    evaluations = [row for row in rows if row.get("validation_reward") is not None]
    per_step = _samples_per_step(folder / "config.toml")

    def curve(metric: str) -> list[float]:
        return [float(f"{row[metric]:.4g}") for row in steps if row.get(metric) is not None]

    return Run(
        seed=seed,
        seconds=float(experiment.seconds_file(name, seed).read_text()),
        diverged=_diverged(folder / "events.jsonl"),
        samples=[row["step"] * per_step for row in evaluations],
        validation_reward=[round(row["validation_reward"], 4) for row in evaluations],
        **{
            metric: curve(metric)
            for metric in ("train_reward", "gradient_norm", "clip_fraction", "ratio_max", "entropy")
        },
    )


def _diverged(events: Path) -> str | None:
    rows = read_jsonl(events) if events.exists() else ()
    return next((row["message"] for row in rows if row["event"] == "diverged"), None)


def _samples_per_step(config: Path) -> int:
    from pgkern.train.config import TrainConfig
    from pgkern.train.config_file import load_config

    rollouts = load_config(TrainConfig, config).rollouts
    return rollouts.prompts_per_step * rollouts.samples_per_prompt


def _machine() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    names = {line.partition(":")[2].strip() for line in lines if line.startswith("model name")}
    return (
        f"{', '.join(sorted(names)) or platform.machine()}, {sum(line.startswith('processor') for line in lines)} cores"
    )
