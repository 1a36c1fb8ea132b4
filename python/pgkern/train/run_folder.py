"""The folder of one training run: the names of its files, and how it is created or taken up again."""

from __future__ import annotations

import json
import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from .atomic_write import recover_directory, write_file_atomically
from .config_file import ConfigError

_PACKAGES = ("pgkern", "torch", "triton", "transformers", "vllm")  # what a number in the report may depend on


@dataclass(frozen=True)
class RunFolder:
    """Where each file of a run is. Made by `create` or `resume`; the constructor alone touches nothing on disk."""

    path: Path

    @property
    def config(self) -> Path:
        """The resolved configuration."""
        return self.path / "config.toml"

    @property
    def versions(self) -> Path:
        """Versions of the packages that the run used, as a JSON object."""
        return self.path / "versions.json"

    @property
    def metrics(self) -> Path:
        """One JSON object per step."""
        return self.path / "metrics.jsonl"

    @property
    def rollouts(self) -> Path:
        """Example rollouts, one JSON object each."""
        return self.path / "rollouts.jsonl"

    @property
    def events(self) -> Path:
        """What happened besides the steps, one JSON object each."""
        return self.path / "events.jsonl"

    @property
    def checkpoint(self) -> Path:
        """The folder of the last checkpoint, written by `atomic_directory`."""
        return self.path / "checkpoint"

    @property
    def reward_figure(self) -> Path:
        """The reward curves as an image."""
        return self.path / "reward.png"

    @property
    def report(self) -> Path:
        """The page that tells the run."""
        return self.path / "report.html"

    @classmethod
    def create(cls, path: Path) -> RunFolder:
        """Create the folder of a new run. Raises ConfigError when there is something at ``path`` already."""
        cls.refuse_used(path)
        path.mkdir(parents=True, exist_ok=True)
        folder = cls(path)
        folder._write_versions()
        return folder

    @staticmethod
    def refuse_used(path: Path) -> None:
        """Raise ConfigError when a new run cannot begin at ``path``, without creating anything."""
        if path.exists() and not path.is_dir():
            raise ConfigError(f"{path} is a file; choose another folder for the run")
        if path.is_dir() and any(path.iterdir()):
            raise ConfigError(
                f"{path} already exists; pass --resume to go on from its last checkpoint or choose another folder"
            )

    @classmethod
    def resume(cls, path: Path) -> RunFolder:
        """Take up a run that was stopped or killed, after finishing a checkpoint write that was cut short.

        Raises ConfigError when there is no run, or one that has not reached its first checkpoint.
        """
        folder = cls(path)
        if not path.is_dir():
            raise ConfigError(f"{path} does not exist; without --resume a new run is started there")
        if not recover_directory(folder.checkpoint):
            raise ConfigError(f"{path} has no checkpoint to go on from; remove the folder and start without --resume")
        folder._write_versions()
        return folder

    def _write_versions(self) -> None:
        versions = {"python": platform.python_version()}
        for package in _PACKAGES:
            try:
                versions[package] = version(package)
            except PackageNotFoundError:
                continue
        write_file_atomically(self.versions, json.dumps(versions, indent=2).encode() + b"\n")
