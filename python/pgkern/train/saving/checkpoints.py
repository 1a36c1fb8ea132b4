"""A run's checkpoints on disk: which there are, which is whole, which stay.

    checkpoints/step-00000025/   model, tokenizer, optimiser, …, and manifest.json with the SHA-256 of every file
    checkpoints/step-00000050/
    checkpoints/latest -> step-00000050
    checkpoints/best -> step-00000025          the highest validation reward

The links are for people and for transformers; a run that goes on looks at the folders.
"""

from __future__ import annotations

import math
import os
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..files.atomic_write import (
    atomic_directory,
    finish_removals,
    link_atomically,
    recover_directory,
    remove_directory_atomically,
)
from ..files.storage_error import writing
from .manifest import DamagedError, check_files, read_facts, write_manifest

_NAME = re.compile(r"step-(\d{8,})")
_BEING_EXCHANGED = re.compile(r"\.(step-\d{8,})\.(?:new|old)")  # by atomic_directory


@dataclass(frozen=True)
class _Checkpoint:
    step: int
    path: Path
    reward: float | None
    sound: bool


def _warn(message: str) -> None:
    print(f"pgkern: warning: {message}", file=sys.stderr, flush=True)


class Checkpoints:
    """The checkpoints of a run, for the one process that writes them; others follow the links.

    The folder is made when the first is saved. `warn` is told of each checkpoint that is passed over because it is
    damaged; by default standard error is.
    """

    def __init__(self, folder: Path, *, keep: int, warn: Callable[[str], None] = _warn) -> None:
        if keep < 1:
            raise ValueError(f"keep is {keep}, expected at least 1")
        self._folder, self._keep, self._warn = folder, keep, warn
        self._damaged: set[Path] = set()

    def save(self, step: int, write: Callable[[Path], None], *, reward: float | None, sound: bool = True) -> Path:
        """Make the checkpoint of a step by `write(new empty folder)`; it is there complete or not at all.

        Of the checkpoints up to this one the last `keep` stay, the one with the highest validation `reward` (the later
        of equal ones; None was not measured), and the last `sound` one: made while no metric was out of its bounds, so
        that a run which diverges has somewhere to go back to. Those of later steps go, as this run has left them.

        Raises `StorageError`, and what `write` raises, and then leaves the checkpoints as they were.
        """
        final = self._folder / f"step-{step:08d}"
        facts = {"reward": reward if reward is not None and math.isfinite(reward) else None, "sound": sound}
        with writing(f"the checkpoint of step {step}", final), atomic_directory(final) as new:
            write(new)
            write_manifest(new, facts)
        self._damaged.discard(final)
        with writing("the list of checkpoints", self._folder):
            self._discard_after(step)
            self._link()
            self._retain()
        return final

    def newest(self) -> Path | None:
        """The newest whose files are what was written; None where there is none. Half-written ones are removed."""
        path = next(self._whole(self._by_step()), None)
        if path is not None:
            self._link()
        return path

    def best(self) -> Path | None:
        """The one with the highest validation reward, of those whose files are what was written."""
        return next(self._whole(self._by_reward()), None)

    def roll_back(self, step: int, rewrite: Callable[[Path, Path], None] | None = None) -> Path | None:
        """The one to go back to after `step` went wrong, and no later one exists any more.

        That is the newest sound one from before the step before, since a step shows first what the one before it did
        to the weights; where there is none so old, the oldest sound one. Its files are what was written. None where
        there is none at all, and then nothing is removed.

        With `rewrite(old folder, new empty folder)` it is made anew first. The later ones go after that: killed in
        between, the run goes on from the newest of them and comes here again.
        """
        sound = [each for each in self._by_step() if each.sound]
        proven = [each for each in sound if each.step < step - 1]
        path = next(self._whole([*proven, *(each for each in reversed(sound) if each not in proven)]), None)
        if path is None:
            return None
        if rewrite is not None:
            return self.save(
                step_of(path), lambda new: rewrite(path, new), reward=read_facts(path)["reward"], sound=True
            )
        self._discard_after(step_of(path))
        self._link()
        return path

    def _by_step(self) -> list[_Checkpoint]:
        """The latest first."""
        return sorted(self._listed(), key=lambda each: each.step, reverse=True)

    def _by_reward(self) -> list[_Checkpoint]:
        """The highest first, and the latest of equal ones; none that has no reward."""
        rewarded = [(each.reward, each.step, each) for each in self._listed() if each.reward is not None]
        return [each for _, _, each in sorted(rewarded, key=lambda key: key[:2], reverse=True)]

    def _listed(self) -> Iterator[_Checkpoint]:
        """Those with a manifest, as it says; whether their files are whole is another question."""
        for path in self._folders():
            if path not in self._damaged:
                try:
                    facts = read_facts(path)
                except DamagedError as error:
                    self._pass_over(path, error)
                else:
                    yield _Checkpoint(step_of(path), path, facts["reward"], facts["sound"])

    def _whole(self, checkpoints: list[_Checkpoint]) -> Iterator[Path]:
        """Those that can be loaded, in the given order; each is read only when it is asked for."""
        for checkpoint in checkpoints:
            try:
                check_files(checkpoint.path)
            except DamagedError as error:
                self._pass_over(checkpoint.path, error)
            else:
                yield checkpoint.path

    def _pass_over(self, path: Path, error: DamagedError) -> None:
        self._damaged.add(path)
        self._warn(f"the checkpoint {path} is damaged and passed over: {error}")

    def _folders(self) -> list[Path]:
        """After what a kill has left of a write is finished or removed."""
        if not self._folder.is_dir():
            return []
        for name in {match[1] for match in map(_BEING_EXCHANGED.fullmatch, os.listdir(self._folder)) if match}:
            recover_directory(self._folder / name)
        finish_removals(self._folder)
        return [path for path in self._folder.iterdir() if _NAME.fullmatch(path.name) and path.is_dir()]

    def _discard_after(self, step: int) -> None:
        for path in self._folders():
            if step_of(path) > step:
                remove_directory_atomically(path)

    def _retain(self) -> None:
        """Remove what need not stay. Nothing is hashed again: that is for who loads it."""
        by_step = self._by_step()
        stay = by_step[: self._keep] + [each for each in by_step if each.sound][:1] + self._by_reward()[:1]
        for path in set(self._folders()) - {each.path for each in stay}:
            remove_directory_atomically(path)

    def _link(self) -> None:
        for name, checkpoints in (("latest", self._by_step()), ("best", self._by_reward())):
            link = self._folder / name
            if checkpoints:
                link_atomically(link, checkpoints[0].path.name)
            else:
                link.unlink(missing_ok=True)


def step_of(path: Path) -> int:
    """The step that a checkpoint's folder is named after."""
    match = _NAME.fullmatch(path.name)
    assert match is not None  # there are no others
    return int(match[1])
