"""The folder of one training run: the names of its files, and how it is created or taken up again."""

from __future__ import annotations

import json
import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ..config_file import ConfigError
from .atomic_write import link_atomically, write_file_atomically
from .storage_error import writing

_PACKAGES = ("pgkern", "torch", "triton", "transformers", "vllm")  # what a number in the report may depend on
_NO_RUN_YET = {"run.lock", "versions.json", "checkpoint"}  # what a kill before it began leaves


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
    def checkpoints(self) -> Path:
        """The folder of the checkpoints that are kept (`Checkpoints`)."""
        return self.path / "checkpoints"

    @property
    def reference(self) -> Path:
        """The folder of the policy as it was before its first policy-gradient step, for a KL penalty."""
        return self.path / "reference"

    @property
    def engine(self) -> Path:
        """The folder of what a rollout engine with a model of its own is given, and of what it prints."""
        return self.path / "engine"

    @property
    def checkpoint(self) -> Path:
        """A link to the last checkpoint, for people, for transformers and for `pgkern eval`."""
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
        with writing("the run", path):
            path.mkdir(parents=True, exist_ok=True)
        return cls(path)._prepared()

    @staticmethod
    def refuse_used(path: Path) -> None:
        """Raise ConfigError when a new run cannot begin at ``path``, without creating anything."""
        if path.exists() and not path.is_dir():
            raise ConfigError(f"{path} is a file; choose another folder for the run")
        if path.is_dir() and any(not _is_left_of_no_run(entry.name) for entry in path.iterdir()):
            raise ConfigError(
                f"{path} already exists; pass --resume to go on from its last checkpoint or choose another folder"
            )

    @classmethod
    def refuse_absent(cls, path: Path) -> None:
        """Raise ConfigError when there is no run at ``path`` to go on with, without touching anything."""
        folder = cls(path)
        if not path.is_dir():
            raise ConfigError(f"{path} does not exist; without --resume a new run is started there")
        if not folder.config.is_file():
            raise ConfigError(f"{path} holds no run: there is no {folder.config.name} in it")
        if folder.checkpoint.is_dir() and not folder.checkpoint.is_symlink():
            raise ConfigError(
                f"{folder.checkpoint} was written by an older release of pgkern; start a new run from the model in it "
                f"(model.path = {str(folder.checkpoint)!r})"
            )

    @classmethod
    def resume(cls, path: Path) -> RunFolder:
        """Take up a run that was stopped or killed. Raises what `refuse_absent` raises."""
        cls.refuse_absent(path)
        return cls(path)._prepared()

    def _prepared(self) -> RunFolder:
        with writing("the link to the last checkpoint", self.checkpoint):
            link_atomically(self.checkpoint, "checkpoints/latest")
        self._write_versions()
        return self

    def _write_versions(self) -> None:
        versions = {"python": platform.python_version()}
        for package in _PACKAGES:
            try:
                versions[package] = version(package)
            except PackageNotFoundError:
                continue
        write_file_atomically(self.versions, json.dumps(versions, indent=2).encode() + b"\n")


def _is_left_of_no_run(name: str) -> bool:
    return name in _NO_RUN_YET or (name.startswith(".") and name.endswith(".new"))
