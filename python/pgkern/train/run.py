"""A run while it runs: its parts, its logs, and how it is saved."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from ..rollout.supervised_engine import SupervisedEngine
from .config import TrainConfig
from .config_file import to_toml
from .divergence.validation_history import Validation
from .evaluation.evaluate import evaluate, summary
from .files.run_folder import RunFolder
from .files.storage_error import StorageError
from .interrupt import Interrupt
from .judging.rewards_in_loop import failure_message
from .logs.event_log import EventLog
from .logs.metrics import MetricsLog
from .logs.rollout_log import RolloutLog
from .model.policy_model import new_policy
from .parts import Parts
from .report import LiveReport
from .sampling.experience import Sample
from .saving.checkpoint import Saved, copy_with_state, load_optimizer, load_state, write_checkpoint
from .saving.checkpoints import Checkpoints, step_of
from .saving.kept_batch import write_batch
from .seeds import seed_generators
from .state import TrainerState
from .trackers import Trackers
from .updating.optimizer import new_optimizer


@dataclass
class Run:
    """What the loop holds on to from step to step; `open_run` makes it."""

    config: TrainConfig
    folder: RunFolder
    parts: Parts
    checkpoints: Checkpoints
    resumed_from: Path | None
    """The checkpoint whose optimiser is still to be loaded."""
    saved_step: int | None = None
    """Of the last checkpoint."""
    diverged: str | None = None
    """What went wrong."""
    rolled_back: bool = False
    """Whether the run is to go on from an earlier checkpoint."""
    interrupt: Interrupt = field(init=False)
    metrics: MetricsLog = field(init=False)
    rollouts: RolloutLog = field(init=False)
    events: EventLog = field(init=False)
    trackers: Trackers = field(init=False)
    report: LiveReport = field(init=False)
    _seconds_checkpoint: float | None = field(init=False, default=None)
    _engine_rebuilds: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.report = LiveReport(self.folder)

    @property
    def step(self) -> int:
        """Steps done in both phases together."""
        state = self.parts.state
        return state.step + (self.config.warmup.num_steps if state.phase == "policy_gradient" else 0)

    def begin_phase(self, learning_rate: float, weight_decay: float) -> None:
        """A fresh optimiser, or in the phase that the run was resumed in the one of the checkpoint."""
        parts = self.parts
        betas = (self.config.optimizer.beta1, self.config.optimizer.beta2)
        parts.optimizer = new_optimizer(
            parts.policy, learning_rate=learning_rate, weight_decay=weight_decay, betas=betas
        )
        if self.resumed_from is not None and parts.state.step > 0:
            load_optimizer(self.resumed_from, parts.optimizer)
        self.resumed_from = None

    def push_weights(self) -> None:
        """The policy as it is, for the engine; of the warm-up's policies every one is version 0."""
        state = self.parts.state
        version = state.step if state.phase == "policy_gradient" else 0
        self.parts.engine.load_weights(self.parts.policy.weights(), version)

    def evaluate(self) -> Validation:
        """The validation rewards of the policy as it is."""
        parts = self.parts
        if parts.state.phase == "warmup":  # whose steps need no rollouts, and push nothing
            self.push_weights()
        samples = evaluate(parts.policy, parts.engine, parts.judge, parts.task.validation, self.config)
        self.tell_failures(samples)
        return summary(samples)

    def engine_event(self, event: str, message: str) -> None:
        """What the engine's supervisor tells, in the step under way; its first line is said."""
        self._engine_rebuilds += event == "engine_rebuilt"
        self.events.log(self.step + 1, event, message)
        first, _, rest = message.partition("\n")
        print(f"{event.replace('_', ' ')}: {first}{' …' * bool(rest)}", flush=True)

    def tell_failures(self, samples: Sequence[Sample]) -> None:
        """An event where rewards could not judge some rollouts."""
        if message := failure_message([sample.judged for sample in samples]):
            self.events.log(self.step, "reward_failed", message)

    def log(self, row: dict[str, float]) -> None:
        """Write the metrics of the step that was just done, wherever they are watched; the report where it is due.

        The time that a checkpoint took is told with the step after it.
        """
        if self._seconds_checkpoint is not None:
            row["seconds_checkpoint"], self._seconds_checkpoint = self._seconds_checkpoint, None
        engine = self.parts.engine
        if isinstance(engine, SupervisedEngine):
            row["engine_rebuilds"], self._engine_rebuilds = float(self._engine_rebuilds), 0
            if engine.probe_mismatch is not None and self.parts.state.phase == "policy_gradient":  # a push in each step
                row["probe_mismatch"] = engine.probe_mismatch
        self.metrics.log(self.step, self.parts.state.phase, row)
        self.trackers.log(self.step, self.parts.state.phase, row)
        if "validation_reward" in row:
            self.report.update()

    def tell(self, event: str, message: str, step: int | None = None) -> None:
        """Log an event of the step that was just done, or of another, and say it."""
        self.events.log(self.step if step is None else step, event, message)
        print(f"{event.replace('_', ' ')}: {message}", flush=True)

    def save(self, reward: float | None, *, sound: bool = True) -> None:
        """A checkpoint of the step that was just done, with its validation reward where that was measured."""
        started, parts = time.perf_counter(), self.parts
        ahead = None
        if parts.ahead is not None and parts.ahead.batch is not None:
            ahead = partial(write_batch, batch=parts.ahead.batch, problems=parts.task.train)
        saved = Saved(parts.policy, parts.optimizer, parts.state, to_toml(self.config), parts.value, ahead)
        self.metrics.sync()
        self.rollouts.sync()
        try:
            self.checkpoints.save(self.step, lambda folder: write_checkpoint(folder, saved), reward=reward, sound=sound)
        except StorageError as error:
            with suppress(StorageError):  # the log may be on the same disk
                self.events.log(self.step, "checkpoint_failed", str(error))
            raise
        self.saved_step, self._seconds_checkpoint = self.step, time.perf_counter() - started

    def diverge(self, reason: str, step: int) -> None:
        """What the step has left in memory is spoiled: the last checkpoint from before the trouble counts.

        Where the run is to go on from it, it is kept there at once that the learning rate is lower and the samples are
        others, so that a kill forgets neither, nor how often this has been.
        """
        self.diverged = reason
        self.tell("diverged", reason)
        settings, state = self.config.divergence, self.parts.state
        goes_on = settings.action == "roll_back" and state.roll_backs < settings.max_roll_backs
        if goes_on:
            state.roll_backs += 1
            state.learning_rate_factor *= settings.learning_rate_factor
        path = self.checkpoints.roll_back(step, self._keep_roll_backs if state.roll_backs else None)
        if not goes_on:
            return
        if path is not None:
            self.saved_step = step_of(path)
        elif self.saved_step is None:  # in the warm-up, before there was a checkpoint
            self._begin_anew()
        else:  # every one is damaged
            return
        self.rolled_back = True
        told = f"to step {self.saved_step}; learning rate × {state.learning_rate_factor:g}, other samples"
        self.tell("rolled_back", told, step=self.saved_step)

    def _keep_roll_backs(self, folder: Path, new: Path) -> None:
        """Copy a checkpoint with what the roll-backs have come to."""
        now = self.parts.state
        before = load_state(folder)
        state = replace(before, roll_backs=now.roll_backs, learning_rate_factor=now.learning_rate_factor)
        copy_with_state(folder, new, state)

    def _begin_anew(self) -> None:
        """A checkpoint of the run as it began but for its learning rate."""
        parts, now = self.parts, self.parts.state
        parts.policy = new_policy(self.config, parts.task.train)
        parts.optimizer = new_optimizer(parts.policy, learning_rate=self.config.warmup.learning_rate)
        parts.state = TrainerState(roll_backs=now.roll_backs, learning_rate_factor=now.learning_rate_factor)
        seed_generators(self.config.run.seed)
        self.save(None)
