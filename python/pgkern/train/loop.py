"""The whole run, top to bottom: warm up on worked solutions, then improve by policy gradients on verified rewards."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from ..rollout.transformers_engine import TransformersEngine
from .atomic_write import atomic_directory, write_file_atomically
from .checkpoint import Saved, load_optimizer, load_state, load_value, write_checkpoint
from .config import TrainConfig
from .config_file import to_toml
from .divergence import DivergenceWatch
from .evaluate import evaluate, mean_reward
from .event_log import EventLog
from .experience import Sample
from .interrupt import Interrupt, interruptible
from .metrics import MetricsLog
from .optimizer import new_optimizer
from .parts import Parts
from .policy_model import load_policy, new_policy, with_adapters
from .progress import TrainingProgress
from .reference import Reference
from .report import write_report
from .rewards_in_loop import RewardFailedError, RewardJudge, failure_message
from .rollout_log import RolloutLog
from .rows import rollout_rows
from .run_folder import RunFolder
from .state import TrainerState
from .step import policy_gradient_step
from .tasks import load_task
from .trackers import Trackers, open_trackers
from .value_function import ValueFunction
from .warmup import check_solutions, warmup_step

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
    Where the policy diverges the run ends without one, or goes back to the newest and takes other samples.

    Raises `ValueError` for a folder, data, reward or model that cannot be used; a new folder is created after that.
    """
    settings = config.divergence
    outcome = _attempt(config, path, resumed)
    while outcome.diverged and settings.action == "roll_back" and outcome.roll_backs < settings.max_roll_backs:
        outcome = _attempt(config, path, resumed=True, roll_backs=outcome.roll_backs + 1)
    return outcome


def _attempt(config: TrainConfig, path: Path, resumed: bool, roll_backs: int = 0) -> Outcome:
    """The run from its beginning or its newest checkpoint to its end, or to where it diverges."""
    with ExitStack() as stack:
        if resumed:
            folder = RunFolder.resume(path)
        else:
            RunFolder.refuse_used(path)
        judge = stack.enter_context(RewardJudge(config.rewards))
        task = load_task(config.data, config.run.seed)
        judge.check_columns([*task.train, *task.validation])
        if resumed:
            state, policy = load_state(folder.checkpoint), load_policy(folder.checkpoint, config)
        else:
            state, policy = TrainerState(), new_policy(config, task.train)
            if config.warmup.steps:
                check_solutions(task.train)
            folder = RunFolder.create(path)
            policy = with_adapters(policy, config, folder.path / "base")
        write_file_atomically(folder.config, to_toml(config).encode())  # a resumed run may have new settings
        engine = TransformersEngine(policy.model, policy.tokenizer, batch_size=config.rollouts.batch_size)
        stack.callback(engine.close)
        optimizer = new_optimizer(policy, learning_rate=config.optimizer.learning_rate)
        run = _Run(config, folder, Parts(config, task, policy, engine, judge, optimizer, state), resumed)
        stack.callback(write_report, folder)
        run.interrupt = stack.enter_context(interruptible())
        run.metrics = stack.enter_context(MetricsLog(folder.metrics, resume_after=run.step))
        run.rollouts = stack.enter_context(
            RolloutLog(folder.rollouts, resume_after=run.step, per_step=config.run.logged_rollouts)
        )
        run.events = stack.enter_context(EventLog(folder.events, resume_after=run.step))
        run.trackers = stack.enter_context(
            open_trackers(
                config,
                folder,
                resume_after=run.step if resumed else None,
                on_failure=lambda message: run.events.log(run.step, "tracker_failed", message),
            )
        )
        if roll_backs:
            state.roll_backs, state.learning_rate_factor = (
                roll_backs,
                config.divergence.learning_rate_factor**roll_backs,
            )
            state.troubled_steps = {}
            message = f"to step {run.step}; learning rate × {state.learning_rate_factor:g}, other samples"
            run.events.log(run.step, "rolled_back", message)
        elif resumed:
            run.events.log(run.step, "resumed", f"from the checkpoint after step {run.step}")
        try:
            reward_after = _improve(run) if _warm_up(run) else None
        except RewardFailedError as error:
            run.events.log(run.step, "stopped", str(error))
            raise
        state = run.parts.state
        return Outcome(state.reward_before, reward_after, run.diverged, state.roll_backs)


@dataclass
class _Run:
    """The parts of the policy, and what is told of it."""

    config: TrainConfig
    folder: RunFolder
    parts: Parts
    resumed: bool
    diverged: str | None = None
    interrupt: Interrupt = field(init=False)
    metrics: MetricsLog = field(init=False)
    rollouts: RolloutLog = field(init=False)
    events: EventLog = field(init=False)
    trackers: Trackers = field(init=False)

    @property
    def step(self) -> int:
        """Steps done in both phases together."""
        state = self.parts.state
        return state.step + (self.config.warmup.steps if state.phase == "policy_gradient" else 0)

    def begin_phase(self, learning_rate: float, weight_decay: float) -> None:
        """A fresh optimiser, or in the phase that the run was resumed in the one of the checkpoint."""
        parts = self.parts
        betas = (self.config.optimizer.beta1, self.config.optimizer.beta2)
        parts.optimizer = new_optimizer(
            parts.policy, learning_rate=learning_rate, weight_decay=weight_decay, betas=betas
        )
        if self.resumed and parts.state.step > 0:
            load_optimizer(self.folder.checkpoint, parts.optimizer)
        self.resumed = False

    def evaluate(self) -> float:
        """The validation reward of the policy as it is."""
        parts = self.parts
        samples = evaluate(parts.policy, parts.engine, parts.judge, parts.task.validation, self.config)
        self.tell_failures(samples)
        return mean_reward(samples)

    def tell_failures(self, samples: Sequence[Sample]) -> None:
        """An event where rewards could not judge some rollouts."""
        if message := failure_message([sample.judged for sample in samples]):
            self.events.log(self.step, "reward_failed", message)

    def log(self, row: dict[str, float]) -> None:
        """Write the metrics of the step that was just done, wherever they are watched."""
        self.metrics.log(self.step, self.parts.state.phase, row)
        self.trackers.log(self.step, self.parts.state.phase, row)

    def save(self) -> None:
        """A checkpoint of the step that was just done."""
        parts = self.parts
        saved = Saved(parts.policy, parts.optimizer, parts.state, to_toml(self.config), parts.value)
        with atomic_directory(self.folder.checkpoint) as new:
            write_checkpoint(new, saved)


def _warm_up(run: _Run) -> bool:
    """The supervised steps that are left, then the validation reward; False when interrupted on the way."""
    parts, state = run.parts, run.parts.state
    if state.phase != "warmup":
        return True
    steps = run.config.warmup.steps
    run.begin_phase(run.config.warmup.learning_rate, weight_decay=0.0)
    with TrainingProgress(steps, "warmup", start_step=state.step) as progress:
        for step in _remaining(run, steps):
            row = warmup_step(parts.policy, parts.optimizer, parts.task.train, run.config, step)
            state.step = step + 1
            if state.step == steps or state.step % WARMUP_EVALUATION_EVERY == 0:
                row["validation_reward"] = run.evaluate()
            run.log(row)
            progress.update(state.step, row)
    if state.step < steps:
        run.save()
        return False
    if steps == 0:
        row = {"validation_reward": run.evaluate()}
        run.log(row)
    run.parts.state = TrainerState("policy_gradient", 0, reward_before=row["validation_reward"])
    run.save()
    return True


def _improve(run: _Run) -> float | None:
    """The policy-gradient steps that are left; the last validation reward, None when stopped on the way."""
    config, parts, state = run.config, run.parts, run.parts.state
    _begin_policy_gradient(run)
    run.begin_phase(config.optimizer.learning_rate, config.optimizer.weight_decay)
    divergence = DivergenceWatch(config.divergence, state.troubled_steps)
    steps, reward = config.run.steps, state.reward_before if state.step == 0 else None
    with TrainingProgress(steps, "policy gradient", start_step=state.step) as progress:
        for step in _remaining(run, steps):
            try:
                result = policy_gradient_step(parts, step)
                run.diverged = divergence.check(state.step + 1, result.metrics)
            except FloatingPointError as error:
                run.diverged = str(error)
            if run.diverged:  # what is in memory is spoiled: the checkpoint before it counts
                run.events.log(run.step, "diverged", f"in step {run.step + 1}: {run.diverged}")
                return None
            state.step = step + 1
            if state.step == steps or state.step % config.run.evaluate_every == 0:
                started = time.perf_counter()
                reward = result.metrics["validation_reward"] = run.evaluate()
                result.metrics["seconds_evaluate"] = time.perf_counter() - started
            run.log(result.metrics)
            run.rollouts.log(run.step, rollout_rows(parts.policy, result))
            run.tell_failures(result.samples)
            progress.update(state.step, result.metrics)
            if state.step % config.run.checkpoint_every == 0 and not divergence.troubled:
                run.save()
    if state.step % config.run.checkpoint_every != 0:  # the last step, or wherever somebody stopped the run
        run.save()
    if state.step == steps and reward is None:  # resumed with nothing left to do
        reward = run.evaluate()
    return reward if state.step == steps else None


def _begin_policy_gradient(run: _Run) -> None:
    """The parts that only policy gradients need: V(s), and the policy as it is before its first step."""
    config, parts = run.config, run.parts
    if config.advantages.baseline == "value":
        parts.value = ValueFunction.new(parts.policy, config.value, config.run.seed)
        if parts.state.step > 0:
            load_value(run.folder.checkpoint, parts.value)
    if config.objective.kl_coef != 0:
        folder = run.folder.path / "reference"
        parts.reference = Reference.kept(parts.policy, folder, step=parts.state.step)


def _remaining(run: _Run, steps: int) -> Iterator[int]:
    """The steps of the phase that are not done yet, as long as nobody asks to stop."""
    for step in range(run.parts.state.step, steps):
        if run.interrupt.requested:
            return
        yield step
