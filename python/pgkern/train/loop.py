"""The whole run, top to bottom: warm up on worked solutions, then improve by policy gradients on verified rewards."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from torch.optim import Optimizer

from ..rollout.transformers_engine import TransformersEngine
from ..verification import extract_answer
from .atomic_write import write_file_atomically
from .checkpoint import load_optimizer, load_state, save_checkpoint
from .config import TrainConfig
from .config_file import to_toml
from .evaluate import evaluate, mean_reward
from .experience import ANSWER_PLACES
from .interrupt import Interrupt, interruptible
from .metrics import MetricsLog
from .optimizer import new_optimizer
from .policy_model import Policy, load_policy, new_policy
from .progress import TrainingProgress
from .report import write_report
from .rollout_log import RolloutLog, RolloutRow
from .run_folder import RunFolder
from .state import TrainerState
from .step import StepResult, policy_gradient_step
from .tasks import Task, load_task
from .warmup import check_solutions, warmup_step

WARMUP_EVALUATION_EVERY = 100  # warm-up steps are an order of magnitude cheaper than the others


@dataclass(frozen=True)
class Outcome:
    """How a run ended."""

    reward_before: float | None
    """Validation reward before the first policy-gradient step; None when the run was stopped in the warm-up."""
    reward_after: float | None
    """Validation reward after the last step; None when the run was stopped before it."""

    @property
    def finished(self) -> bool:
        """Whether every step was done."""
        return self.reward_after is not None


@dataclass
class _Run:
    config: TrainConfig
    folder: RunFolder
    task: Task
    policy: Policy
    engine: TransformersEngine
    state: TrainerState
    metrics: MetricsLog
    rollouts: RolloutLog
    interrupt: Interrupt
    resumed: bool

    @property
    def step(self) -> int:
        """Steps done in both phases together."""
        return self.state.step + (self.config.warmup.steps if self.state.phase == "policy_gradient" else 0)

    def optimizer(self, learning_rate: float, weight_decay: float) -> Optimizer:
        """A fresh optimiser, or in the phase that the run was resumed in the one of the checkpoint."""
        optimizer = new_optimizer(self.policy, learning_rate=learning_rate, weight_decay=weight_decay)
        if self.resumed and self.state.step > 0:
            load_optimizer(self.folder.checkpoint, optimizer)
        self.resumed = False
        return optimizer

    def evaluate(self) -> float:
        """The validation reward of the policy as it is."""
        return mean_reward(evaluate(self.policy, self.engine, self.task.validation, self.config))


def train(config: TrainConfig, path: Path, *, resumed: bool = False) -> Outcome:
    """Run the configuration in a new folder, or with `resumed` go on from the folder's checkpoint.

    A SIGINT or SIGTERM ends the run after the step under way, with a checkpoint. The report is written either way.

    Raises `ValueError` for a folder, data or model that cannot be used; a new folder is created only after that.
    """
    if resumed:
        folder = RunFolder.resume(path)
        task = load_task(config.data, config.run.seed)
        state, policy = load_state(folder.checkpoint), load_policy(folder.checkpoint, config)
    else:
        RunFolder.refuse_used(path)
        task = load_task(config.data, config.run.seed)
        state, policy = TrainerState(), new_policy(config, task.train)
        if config.warmup.steps:
            check_solutions(task.train)
        folder = RunFolder.create(path)
    write_file_atomically(folder.config, to_toml(config).encode())  # as it is now: a resumed run may have new settings
    engine = TransformersEngine(policy.model, policy.tokenizer, batch_size=config.rollouts.batch_size)
    done = state.step + (config.warmup.steps if state.phase == "policy_gradient" else 0)
    with (
        interruptible() as interrupt,
        MetricsLog(folder.metrics, resume_after=done) as metrics,
        RolloutLog(folder.rollouts, resume_after=done, per_step=config.run.logged_rollouts) as rollouts,
    ):
        run = _Run(config, folder, task, policy, engine, state, metrics, rollouts, interrupt, resumed)
        try:
            reward_after = _improve(run) if _warm_up(run) else None
        finally:
            engine.close()
            write_report(folder)
    return Outcome(run.state.reward_before, reward_after)


def _warm_up(run: _Run) -> bool:
    """The supervised steps that are left, then the validation reward; False when interrupted on the way."""
    if run.state.phase != "warmup":
        return True
    config, steps = run.config, run.config.warmup.steps
    optimizer = run.optimizer(config.warmup.learning_rate, weight_decay=0.0)
    with TrainingProgress(steps, "warmup", start_step=run.state.step) as progress:
        for step in _remaining(run, steps):
            row = warmup_step(run.policy, optimizer, run.task.train, config, step)
            run.state.step = step + 1
            if run.state.step == steps or run.state.step % WARMUP_EVALUATION_EVERY == 0:
                row["validation_reward"] = run.evaluate()
            run.metrics.log(run.step, "warmup", row)
            progress.update(run.state.step, row)
    if run.state.step < steps:
        save_checkpoint(run.folder.checkpoint, run.policy, optimizer, run.state)
        return False
    if steps == 0:
        row = {"validation_reward": run.evaluate()}
        run.metrics.log(0, "warmup", row)
    run.state = TrainerState("policy_gradient", 0, reward_before=row["validation_reward"])
    save_checkpoint(run.folder.checkpoint, run.policy, optimizer, run.state)
    return True


def _improve(run: _Run) -> float | None:
    """The policy-gradient steps that are left; the last validation reward, None when stopped on the way."""
    config, steps = run.config.run, run.config.run.steps
    settings = run.config.optimizer
    optimizer = run.optimizer(settings.learning_rate, settings.weight_decay)
    reward = run.state.reward_before if run.state.step == 0 else None
    with TrainingProgress(steps, "policy gradient", start_step=run.state.step) as progress:
        for step in _remaining(run, steps):
            result = policy_gradient_step(run.policy, run.engine, optimizer, run.task, run.config, step)
            run.state.step = step + 1
            if run.state.step == steps or run.state.step % config.evaluate_every == 0:
                started = time.perf_counter()
                reward = result.metrics["validation_reward"] = run.evaluate()
                result.metrics["seconds_evaluate"] = time.perf_counter() - started
            run.metrics.log(run.step, "policy_gradient", result.metrics)
            run.rollouts.log(run.step, _rows(result, ANSWER_PLACES[run.config.rewards[0].function]))
            progress.update(run.state.step, result.metrics)
            if run.state.step % config.checkpoint_every == 0:
                save_checkpoint(run.folder.checkpoint, run.policy, optimizer, run.state)
    if run.state.step % config.checkpoint_every != 0:  # the last step, or wherever somebody stopped the run
        save_checkpoint(run.folder.checkpoint, run.policy, optimizer, run.state)
    if run.state.step == steps and reward is None:  # resumed with nothing left to do
        reward = run.evaluate()
    return reward if run.state.step == steps else None


def _remaining(run: _Run, steps: int) -> Iterator[int]:
    """The steps of the phase that are not done yet, as long as nobody asks to stop."""
    for step in range(run.state.step, steps):
        if run.interrupt.requested:
            return
        yield step


def _rows(result: StepResult, place: str) -> Iterator[RolloutRow]:
    """The step's rollouts as people read them."""
    experience = result.experience
    for index, (rollout, reward) in enumerate(zip(experience.rollouts, experience.rewards, strict=True)):
        yield RolloutRow(
            prompt=rollout.prompt.text,
            response=rollout.response,
            gold=experience.problem_of(index).gold,
            answer=extract_answer(rollout.response, mode=place),
            verdict=reward.verdict.name.lower(),
            reward=reward.reward,
            advantage=result.advantages[index],
            finish_reason=rollout.finish_reason,
        )
