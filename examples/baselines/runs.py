"""The experiment's runs: a warm-up for each seed, and from its checkpoint a run for each variant."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from variants import Variant


@dataclass(frozen=True)
class Experiment:
    """Where the runs are, and what they share."""

    folder: Path
    task: Path
    """The configuration of all."""
    overrides: tuple[str, ...] = ()

    def run_folder(self, name: str, seed: int) -> Path:
        """Of a variant's run, or of the warm-up "warm"."""
        return self.folder / f"{name}-seed-{seed}"

    def seconds_file(self, name: str, seed: int) -> Path:
        """Written when the run has finished, beside its folder: the seconds it took."""
        return self.folder / f"{name}-seed-{seed}.seconds"

    @property
    def noise_file(self) -> Path:
        """The variances of the gradients, by variant, as JSON."""
        return self.folder / "gradient-noise.json"

    def run(self, seeds: Sequence[int], variants: Sequence[Variant], *, processes: int) -> None:
        """Do what is not done yet, so many runs at a time. Raises `RuntimeError` with a failed run's last words."""
        self.folder.mkdir(parents=True, exist_ok=True)
        warm_ups = [("warm", seed, (*self.shared(seed), "run.steps=0")) for seed in seeds]
        trainings = [(variant.name, seed, self.from_warm(variant, seed)) for seed in seeds for variant in variants]
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns) as progress:
            for title, jobs in (("warm-ups", warm_ups), ("runs", trainings)):
                self._run_all(title, jobs, processes, progress)

    def from_warm(self, variant: Variant, seed: int) -> tuple[str, ...]:
        """A variant's settings, which begin with the policy that its seed's warm-up left."""
        checkpoint = (self.run_folder("warm", seed) / "checkpoint").resolve()
        return (*self.shared(seed), f"model.path={checkpoint}", "warmup.steps=0", *variant.settings)

    def shared(self, seed: int) -> tuple[str, ...]:
        """The settings of every run of a seed that are not in the task's file."""
        return (f"run.seed={seed}", *self.overrides)

    def _run_all(
        self, title: str, jobs: Sequence[tuple[str, int, tuple[str, ...]]], processes: int, progress: Progress
    ) -> None:
        waiting = [job for job in jobs if not self.seconds_file(job[0], job[1]).exists()]
        bar = progress.add_task(title, total=len(jobs), completed=len(jobs) - len(waiting))
        with ThreadPoolExecutor(processes) as pool:
            futures = {pool.submit(self._train, *job): job for job in waiting}
            try:
                for future in as_completed(futures):
                    future.result()
                    name, seed, _ = futures[future]
                    seconds = self.seconds_file(name, seed).read_text().strip()
                    progress.console.print(f"{name}, seed {seed}: {seconds} s")
                    progress.advance(bar)
            finally:
                pool.shutdown(cancel_futures=True)

    def _train(self, name: str, seed: int, settings: Sequence[str]) -> None:
        folder = self.run_folder(name, seed)
        if folder.exists():  # stopped on the way; from its seed it is the same run again
            shutil.rmtree(folder)
        command = [sys.executable, "-m", "pgkern", "train", str(self.task), "--folder", str(folder)]
        for setting in settings:
            command += ["--set", setting]
        began = time.perf_counter()
        done = subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True)
        if done.returncode != 0 and not _diverged(folder):
            tail = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
            raise RuntimeError(f"{name}, seed {seed}, ended with {done.returncode}:\n{tail}")
        self.seconds_file(name, seed).write_text(f"{time.perf_counter() - began:.1f}\n")


def _diverged(folder: Path) -> bool:
    """Whether the run was ended by its watch over divergence: then it has nothing left to do."""
    events = folder / "events.jsonl"
    return events.exists() and '"diverged"' in events.read_text(encoding="utf-8")
