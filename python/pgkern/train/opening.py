"""How a run begins: in a new folder, at its newest checkpoint, or at an earlier one after it has diverged."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from ..rollout.transformers_engine import TransformersEngine
from .atomic_write import write_file_atomically
from .changed_settings import changed_settings
from .checkpoint import load_random_state, load_state, require_value
from .checkpoints import Checkpoints
from .config import TrainConfig
from .config_file import load_config, to_toml
from .event_log import EventLog
from .interrupt import interruptible
from .metrics import MetricsLog
from .optimizer import new_optimizer
from .parts import Parts
from .policy_model import load_policy, new_policy
from .reference import Reference
from .reward_history import RewardHistory
from .rewards_in_loop import RewardJudge
from .rollout_log import RolloutLog
from .run import Run
from .run_folder import RunFolder
from .run_lock import run_lock
from .seeds import seed_generators
from .state import TrainerState
from .tasks import load_task
from .trackers import open_trackers
from .validation_history import ValidationHistory
from .warmup import check_solutions

_CHANGE_REWARDS = ("rewards", "data.", "rollouts.")  # settings after which a reward cannot be held to those before


def open_run(config: TrainConfig, path: Path, stack: ExitStack, *, resumed: bool, rolled_back: bool = False) -> Run:
    """Everything a run works with, ready for its next step; what must be closed is closed with the stack.

    A run that was stopped before its first checkpoint begins anew. One that was `rolled_back` has said so already. A
    folder is created, and the configuration in it changed, only when all that can be refused has been looked at.
    """
    if resumed:
        RunFolder.refuse_absent(path)
        stack.enter_context(run_lock(path))
    else:
        RunFolder.refuse_used(path)
    judge = stack.enter_context(RewardJudge(config.rewards))
    task = load_task(config.data, config.run.seed)
    judge.check_columns([*task.train, *task.validation])
    damaged: list[str] = []
    checkpoints = Checkpoints(RunFolder(path).checkpoints, keep=config.run.kept_checkpoints, warn=damaged.append)
    checkpoint = checkpoints.newest() if resumed else None
    if checkpoint is None and damaged:
        raise ValueError(f"{path} has no checkpoint to go on from: {'; '.join(damaged)}")
    if checkpoint is not None:
        state, policy = load_state(checkpoint), load_policy(checkpoint, config)
        load_random_state(checkpoint)
    else:
        state, policy = TrainerState(), new_policy(config, task.train)
        seed_generators(config.run.seed)
        if config.warmup.steps:
            check_solutions(task.train)
    changed = changed_settings(load_config(TrainConfig, RunFolder(path).config), config) if resumed else []
    if any(told.startswith(_CHANGE_REWARDS) for told in changed):
        state.reward_history, state.validation_history = RewardHistory(), ValidationHistory()
    if checkpoint is not None and state.phase == "policy_gradient":
        _refuse_what_began_without(config, RunFolder(path), checkpoint, state.step)
    if resumed:
        folder = RunFolder.resume(path)
    else:
        folder = RunFolder.create(path)
        stack.enter_context(run_lock(path))
        write_file_atomically(folder.config, to_toml(config).encode())  # from here on it is a run
    engine = TransformersEngine(
        policy.model,
        policy.tokenizer,
        batch_size=config.rollouts.batch_size,
        version=state.step if state.phase == "policy_gradient" else 0,
    )
    stack.callback(engine.close)
    optimizer = new_optimizer(policy, learning_rate=config.optimizer.learning_rate)
    parts = Parts(config, task, policy, engine, judge, optimizer, state)
    run = Run(config, folder, parts, checkpoints, resumed_from=checkpoint)
    run.saved_step = run.step if checkpoint is not None else None
    stack.callback(run.report.finish)
    run.interrupt = stack.enter_context(interruptible())
    done = -1 if run.saved_step is None else run.saved_step  # what was logged after it comes again
    run.metrics = stack.enter_context(MetricsLog(folder.metrics, resume_after=done))
    run.rollouts = stack.enter_context(
        RolloutLog(folder.rollouts, resume_after=done, per_step=config.run.logged_rollouts)
    )
    run.events = stack.enter_context(EventLog(folder.events))
    run.trackers = stack.enter_context(
        open_trackers(
            config,
            folder,
            resume_after=done if resumed else None,
            on_failure=lambda message: run.events.log(run.step, "tracker_failed", message),
        )
    )
    if resumed:
        write_file_atomically(folder.config, to_toml(config).encode())
    for message in damaged:
        run.tell("checkpoint_damaged", message)
    if state.phase == "policy_gradient" and state.step >= config.run.steps:
        print(f"finished: all {config.run.steps} steps were done before", flush=True)
    elif resumed and not rolled_back:
        others = f" with other settings: {', '.join(changed)}" if changed else ""
        run.tell("resumed", ("from the beginning" if checkpoint is None else f"after step {run.step}") + others)
    return run


def _refuse_what_began_without(config: TrainConfig, folder: RunFolder, checkpoint: Path, step: int) -> None:
    """Raise `ValueError` where the settings ask for what should have been there from the first step on."""
    if step > 0 and config.advantages.baseline == "value":
        require_value(checkpoint)
    if config.objective.kl_coef != 0:
        Reference.require(folder.reference, step=step)
