"""The whole run, top to bottom: warm up on worked solutions, then improve by policy gradients on verified rewards."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from ..rollout.engine import EngineFailedError
from .config import TrainConfig
from .divergence.divergence_watch import DivergenceWatch, infinite_weight
from .judging.rewards_in_loop import RewardFailedError
from .logs.progress import TrainingProgress
from .opening import open_run
from .rows import rollout_rows
from .run import Run
from .saving.checkpoint import load_value
from .scoring.reference import Reference
from .scoring.value_function import ValueFunction
from .step import policy_gradient_step
from .warmup import warmup_step

WARMUP_EVALUATION_EVERY = 100  # warm-up steps are an order of magnitude cheaper than the others


@dataclass(frozen=True)
class Outcome:
    """How a run ended."""

    reward_before: float | None
    """Validation reward before the first policy-gradient step; None when the run was stopped in the warm-up."""
    reward_after: float | None
    """Validation reward after the last step; None when the run was stopped before it."""
    diverged: str | None = None
    """What went wrong, when that ended the run."""
    roll_backs: int = 0
    """How often it went back to a checkpoint."""

    @property
    def finished(self) -> bool:
        """Whether every step was done."""
        return self.reward_after is not None


def train(config: TrainConfig, path: Path, *, resumed: bool = False) -> Outcome:
    """Run the configuration in a new folder, or with `resumed` go on from the folder's newest checkpoint.

    A SIGINT or SIGTERM ends the run after the step under way, with a checkpoint. The report is written either way.
    Where the policy diverges, the last checkpoint from before the trouble counts: the run ends there, or goes on from
    it with a lower learning rate and other samples.

    Raises `ValueError` for a folder, data, reward or model that cannot be used; a new folder is created after that.
    Raises `StorageError` where the disk takes no more, and `EngineFailedError` where no rollout engine can be brought
    up any more; the last checkpoint is left as it was.
    """
    outcome = _attempt(config, path, resumed)
    while outcome is None:
        outcome = _attempt(config, path, resumed=True, rolled_back=True)
    return outcome


def _attempt(config: TrainConfig, path: Path, resumed: bool, rolled_back: bool = False) -> Outcome | None:
    """The run from its beginning or its newest checkpoint to its end; None where it goes on from an earlier one."""
    with ExitStack() as stack:
        run = open_run(config, path, stack, resumed=resumed, rolled_back=rolled_back)
        try:
            reward_after = _improve(run) if _warm_up(run) else None
        except (RewardFailedError, EngineFailedError) as error:
            run.events.log(run.step, "stopped", str(error))
            raise
        diverged = None if run.rolled_back else run.diverged
        if reward_after is None and not diverged and run.interrupt.requested:
            run.tell("stopped", f"by a signal, after step {run.saved_step}", step=run.saved_step)
    if run.rolled_back and not run.interrupt.requested:  # also not while things were being closed
        return None
    state = run.parts.state
    return Outcome(state.reward_before, reward_after, diverged, state.roll_backs)


def _warm_up(run: Run) -> bool:
    """The supervised steps that are left, then the validation reward; False when they were not all done."""
    parts, state = run.parts, run.parts.state
    if state.phase != "warmup":
        return True
    steps = run.config.warmup.num_steps
    run.begin_phase(run.config.warmup.learning_rate, weight_decay=0.0)
    with TrainingProgress(steps, "warmup", start_step=state.step) as progress:
        for step in _remaining(run, steps):
            try:
                row = warmup_step(
                    parts.policy,
                    parts.optimizer,
                    parts.task.train,
                    run.config,
                    step,
                    learning_rate_factor=state.learning_rate_factor,
                )
            except FloatingPointError as error:
                run.diverge(f"{error} (warm-up step {step + 1})", run.step + 1)
                return False
            state.step = step + 1
            if state.step == steps or state.step % WARMUP_EVALUATION_EVERY == 0:
                validation = run.evaluate()
                row["validation_reward"] = validation.mean
            run.log(row)
            progress.update(state.step, row)
            if state.step % run.config.run.checkpoint_every == 0 and state.step < steps:
                run.save(row.get("validation_reward"))
    if state.step < steps:
        if run.saved_step != run.step:
            run.save(None)
        return False
    if steps == 0:
        validation = run.evaluate()
        run.log({"validation_reward": validation.mean})
    run.parts.state = replace(state, phase="policy_gradient", step=0, reward_before=validation.mean)
    DivergenceWatch(run.config.divergence, run.parts.state).check_validation(run.step, validation)  # where it began
    run.save(validation.mean)
    return True


def _improve(run: Run) -> float | None:
    """The policy-gradient steps that are left; the last validation reward, None when they were not all done."""
    config, parts, state = run.config, run.parts, run.parts.state
    _begin_policy_gradient(run)
    run.begin_phase(config.optimizer.learning_rate, config.optimizer.weight_decay)
    divergence = DivergenceWatch(config.divergence, state)
    steps, reward = config.run.steps, state.reward_before if state.step == 0 else None
    with TrainingProgress(steps, "policy gradient", start_step=state.step) as progress:
        for step in _remaining(run, steps):
            try:
                result = policy_gradient_step(parts, step)
            except FloatingPointError as error:
                run.diverge(f"{error} (step {run.step + 1})", run.step + 1)
                return None
            state.step, reward = step + 1, None
            trained = parts.policy.model.named_parameters()
            diverged = divergence.check(run.step, result.metrics) or infinite_weight(trained)
            if not diverged and (state.step == steps or state.step % config.run.evaluate_every == 0):
                started = time.perf_counter()
                validation = run.evaluate()
                reward = result.metrics["validation_reward"] = validation.mean
                diverged = divergence.check_validation(run.step, validation)
                result.metrics["seconds_evaluate"] = time.perf_counter() - started
            run.log(result.metrics)
            run.rollouts.log(run.step, rollout_rows(parts.policy, result))
            run.tell_failures(result.samples)
            progress.update(state.step, result.metrics)
            if diverged:
                run.diverge(diverged, divergence.wrong_since)
                return None
            if state.step % config.run.checkpoint_every == 0:
                run.save(reward, sound=not divergence.troubled)
    if run.saved_step != run.step:  # the last step, or wherever somebody stopped the run
        run.save(reward, sound=not divergence.troubled)
    if state.step >= steps and reward is None:  # resumed with nothing left to do
        reward = run.evaluate().mean
    return reward if state.step >= steps else None


def _begin_policy_gradient(run: Run) -> None:
    """The parts that only policy gradients need: V(s), and the policy as it is before its first step."""
    config, parts = run.config, run.parts
    if config.advantages.baseline == "value":
        parts.value = ValueFunction.new(parts.policy, config.value, config.run.seed)
        if run.resumed_from is not None and parts.state.step > 0:
            load_value(run.resumed_from, parts.value)
    if config.objective.kl_coef != 0:
        parts.reference = Reference.kept(parts.policy, run.folder.reference, step=parts.state.step)


def _remaining(run: Run, steps: int) -> Iterator[int]:
    """The steps of the phase that are not done yet, as long as nobody asks to stop."""
    for step in range(run.parts.state.step, steps):
        if run.interrupt.requested:
            return
        yield step
