"""How a run begins: in a new folder, at its newest checkpoint, or at an earlier one after it has diverged."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from .config import TrainConfig
from .config_file import load_config, to_toml
from .config_file.changed_settings import changed_settings
from .divergence.reward_history import RewardHistory
from .divergence.validation_history import ValidationHistory
from .engines.configured_engine import check_engine, open_engine
from .engines.prompt_room import check_room
from .evaluation.untrained import split_by_training, trained_questions
from .files.atomic_write import write_file_atomically
from .files.run_folder import RunFolder
from .files.run_lock import run_lock
from .interrupt import interruptible
from .judging.rewards_in_loop import RewardJudge
from .logs.event_log import EventLog
from .logs.metrics import MetricsLog
from .logs.rollout_log import RolloutLog
from .model.policy_model import load_policy, new_policy
from .parts import Parts
from .run import Run
from .sampling.ahead import RolloutsAhead
from .saving.checkpoint import load_random_state, load_state, require_value, rollouts_ahead
from .saving.checkpoints import Checkpoints
from .saving.kept_batch import read_batch
from .scoring.reference import Reference
from .seeds import seed_generators
from .state import TrainerState
from .tasks import Task, load_task
from .trackers import open_trackers
from .updating.optimizer import new_optimizer
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
    doubts = check_engine(config)
    ahead = RolloutsAhead(overlaps=config.engine != "transformers") if config.rollouts.staleness else None
    if ahead is not None:
        stack.callback(ahead.close)  # after the engine and the rewards, which it may wait for
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
    check_room(config, policy, {"training": task.train, "held-out": task.validation})
    before = load_config(TrainConfig, RunFolder(path).config) if resumed else config
    changed = changed_settings(before, config)
    if checkpoint is not None:
        _refuse_trained(before, config, task)
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
    engine = open_engine(
        config,
        policy,
        [*task.train, *task.validation],
        folder.engine,
        stack,
        on_event=lambda name, message: run.engine_event(name, message),
    )
    optimizer = new_optimizer(policy, learning_rate=config.optimizer.learning_rate)
    parts = Parts(config, task, policy, engine, judge, optimizer, state, ahead=ahead)
    if ahead is not None:
        stack.callback(ahead.stop)
        drawn = rollouts_ahead(checkpoint) if checkpoint is not None else None
        if drawn is not None and not changed:  # drawn under other settings they are not what these would draw
            ahead.batch = read_batch(drawn, task.train)
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
    for message in doubts:
        run.tell("engine_doubtful", message)
    for message in damaged:
        run.tell("checkpoint_damaged", message)
    run.push_weights()
    if state.phase == "policy_gradient" and state.step >= config.run.steps:
        print(f"finished: all {config.run.steps} steps were done before", flush=True)
    elif resumed and not rolled_back:
        others = f" with other settings: {', '.join(changed)}" if changed else ""
        run.tell("resumed", ("from the beginning" if checkpoint is None else f"after step {run.step}") + others)
    return run


def _refuse_trained(before: TrainConfig, config: TrainConfig, task: Task) -> None:
    """Raise `ValueError` where other settings hold problems out that were trained on."""
    if (before.data, before.run.seed) == (config.data, config.run.seed):
        return
    try:
        trained = trained_questions(before)
    except (OSError, ValueError):  # files that are not there any more, or others now
        return
    _, known = split_by_training(task.validation, trained)
    if known:
        raise ValueError(
            f"{len(known)} of {len(task.validation)} held-out problems were trained on before these settings, such as "
            f"{known[0].question[:60]!r}; hold out what the run did (data.*, run.seed), or name a data.validation_file"
        )


def _refuse_what_began_without(config: TrainConfig, folder: RunFolder, checkpoint: Path, step: int) -> None:
    """Raise `ValueError` where the settings ask for what should have been there from the first step on."""
    if step > 0 and config.advantages.baseline == "value":
        require_value(checkpoint)
    if config.objective.kl_coef != 0:
        Reference.require(folder.reference, step=step)
