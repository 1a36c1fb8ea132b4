"""One step off: which policy sampled, what its ratio is taken to, what overlaps, and what a checkpoint keeps of it."""

import copy
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pgkern.rollout.engine import EngineFailedError, Prompt, Rollout, RolloutEngine, Sampling
from pgkern.rollout.transformers_engine import TransformersEngine
from pgkern.train import opening
from pgkern.train import step as step_module
from pgkern.train.config import ObjectiveConfig, OptimizerConfig, RewardConfig, RolloutConfig, RunConfig, TrainConfig
from pgkern.train.judging.rewards_in_loop import RewardJudge
from pgkern.train.logs.phase_clock import PhaseClock
from pgkern.train.loop import train
from pgkern.train.model.micro_batches import TokenSequence
from pgkern.train.model.policy_model import Policy
from pgkern.train.parts import Parts
from pgkern.train.sampling.ahead import RolloutsAhead
from pgkern.train.sampling.drawing import draw_batch
from pgkern.train.saving.kept_batch import read_batch, write_batch
from pgkern.train.scoring.score import score
from pgkern.train.state import TrainerState
from pgkern.train.step import policy_gradient_step
from pgkern.train.tasks import load_task
from pgkern.train.updating.optimizer import new_optimizer

STEPS = 3


@pytest.fixture
def one_step_off(config: TrainConfig, tmp_path: Path) -> TrainConfig:
    """A random policy never adds right: its responses earn something else, a different thing each."""
    (tmp_path / "odd.py").write_text("def odd(completion, gold):\n    return sum(map(ord, completion)) % 7 / 7\n")
    return replace(
        config,
        run=RunConfig(steps=STEPS),
        rollouts=RolloutConfig(prompts_per_step=4, samples_per_prompt=4, max_tokens=8, staleness=1),
        objective=ObjectiveConfig("reinforce_off_policy"),
        optimizer=OptimizerConfig(learning_rate=0.01, warmup_steps=0),
        rewards=(RewardConfig(function=f"{tmp_path / 'odd.py'}:odd"),),
    )


@contextmanager
def parts_of(
    config: TrainConfig, policy: Policy, *, overlaps: bool = False, engine: RolloutEngine | None = None
) -> Iterator[Parts]:
    policy = replace(policy, model=copy.deepcopy(policy.model))
    own = TransformersEngine(policy.model, policy.tokenizer, trained_in_place=True)
    ahead = RolloutsAhead(overlaps=overlaps)
    with RewardJudge(config.rewards) as judge:
        optimizer = new_optimizer(policy, learning_rate=0.01)
        task = load_task(config.data, config.run.seed)
        state = TrainerState("policy_gradient")
        try:
            yield Parts(config, task, policy, engine or own, judge, optimizer, state, ahead=ahead)
        finally:
            ahead.close()


def with_a_model_of_its_own(policy: Policy) -> TransformersEngine:
    return TransformersEngine(copy.deepcopy(policy.model), policy.tokenizer)


def steps_of(parts: Parts) -> list[dict[str, float]]:
    rows = [policy_gradient_step(parts, step).metrics for step in range(STEPS)]
    return [{name: value for name, value in row.items() if "second" not in name} for row in rows]


def test_rollouts_are_one_update_older_but_for_the_first(one_step_off: TrainConfig, policy: Policy) -> None:
    with parts_of(one_step_off, policy) as parts:
        rows = [policy_gradient_step(parts, step).metrics for step in range(STEPS)]
        assert parts.state.draws == STEPS
        assert parts.ahead is not None
        assert parts.ahead.batch is None  # after the last step there is no next one
    assert [row["staleness"] for row in rows] == [0.0, 1.0, 1.0]
    assert rows[0]["ratio_max"] == pytest.approx(1.0, abs=1e-4)
    assert rows[1]["ratio_max"] > 1.01
    assert all(row["seconds_ahead"] > 0 for row in rows[:-1])
    assert "rollout_mismatch" not in rows[0]


def test_the_ratio_is_to_the_policy_that_sampled(
    one_step_off: TrainConfig, policy: Policy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eq. 27: π_θ / π_old, where old is what the engine sampled with, one update ago."""
    seen: list[dict[str, Any]] = []
    accumulate = step_module.accumulate_gradients
    monkeypatch.setattr(
        step_module, "accumulate_gradients", lambda *args, **kwargs: seen.append(kwargs) or accumulate(*args, **kwargs)
    )
    with parts_of(one_step_off, policy) as parts:
        policy_gradient_step(parts, 0)
        assert parts.ahead is not None
        assert parts.ahead.batch is not None
        waiting = parts.ahead.batch
        sequences = [TokenSequence.of(sample.rollout) for sample in waiting.drawn]
        now = score(parts.policy, sequences, temperature=1.0, max_tokens=2048).log_probs
        trained = policy_gradient_step(parts, 1)
    assert [sample.rollout for sample in trained.samples] == [sample.rollout for sample in waiting.drawn]
    assert {sample.rollout.weights_version for sample in waiting.drawn} == {0}
    engines = [sample.rollout.log_probs for sample in waiting.drawn]
    assert [tuple(row) for row in seen[1]["old_log_probs"]] == engines
    differences = [abs(a - b) for one, other in zip(now, engines, strict=True) for a, b in zip(one, other, strict=True)]
    assert max(differences) > 1e-3  # the policy has moved since


@pytest.mark.parametrize("dynamic", [False, True])
def test_whether_it_overlaps_changes_nothing(one_step_off: TrainConfig, policy: Policy, dynamic: bool) -> None:
    config = replace(one_step_off, rollouts=replace(one_step_off.rollouts, dynamic_sampling=dynamic, max_draws=2))
    with parts_of(config, policy) as parts:
        in_order = steps_of(parts)
    with parts_of(config, policy, overlaps=True, engine=with_a_model_of_its_own(policy)) as parts:
        overlapped = steps_of(parts)
    assert in_order == overlapped


class Waiting:
    """An engine that samples only once the step has begun to train."""

    def __init__(self, engine: TransformersEngine, training: threading.Event) -> None:
        self.engine, self.training = engine, training
        self.load_weights, self.close = engine.load_weights, engine.close
        self.calls = 0

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> Iterator[Rollout]:
        self.calls += 1
        if self.calls > 1:  # the first batch is for the first step itself
            assert self.training.wait(timeout=60)
        return self.engine.generate(prompts, sampling)


def test_the_next_rollouts_are_drawn_while_the_step_trains(
    one_step_off: TrainConfig, policy: Policy, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = threading.Event()
    accumulate = step_module.accumulate_gradients

    def accumulating(*args: Any, **kwargs: Any) -> dict[str, float]:
        training.set()
        return accumulate(*args, **kwargs)

    monkeypatch.setattr(step_module, "accumulate_gradients", accumulating)
    engine = Waiting(with_a_model_of_its_own(policy), training)
    with parts_of(one_step_off, policy, overlaps=True, engine=engine) as parts:
        policy_gradient_step(parts, 0)
        assert engine.calls == 2
        assert parts.ahead is not None
        assert parts.ahead.batch is not None


def test_what_drawing_raised_is_raised_in_the_step(one_step_off: TrainConfig, policy: Policy) -> None:
    class Failing(Waiting):
        def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> Iterator[Rollout]:
            self.calls += 1
            if self.calls > 1:
                raise RuntimeError("no engine is left")
            return self.engine.generate(prompts, sampling)

    engine = Failing(with_a_model_of_its_own(policy), threading.Event())
    with (
        parts_of(one_step_off, policy, overlaps=True, engine=engine) as parts,
        pytest.raises(RuntimeError, match="no engine is left"),
    ):
        policy_gradient_step(parts, 0)


def test_a_run_that_ends_does_not_wait_for_all_of_it() -> None:
    started, go_on, given = threading.Event(), threading.Event(), []

    def draw(watch: Any) -> Any:
        def rollouts() -> Iterator[int]:
            for number in range(100):
                started.set()
                go_on.wait(timeout=60)
                yield number

        given.extend(watch(rollouts()))

    ahead = RolloutsAhead(overlaps=True)
    ahead.start(draw)
    started.wait(timeout=60)
    closing = threading.Thread(target=ahead.close)
    closing.start()
    while not ahead._stopped.is_set():
        pass
    go_on.set()
    closing.join(timeout=60)
    assert not closing.is_alive()
    assert given == []


class UntilItIsClosed(Waiting):
    """Of the second step's rollouts none comes, or each costs the reward a minute."""

    def __init__(self, engine: TransformersEngine, folder: Path, *, hangs: bool) -> None:
        super().__init__(engine, threading.Event())
        self.hangs, self.slow, self.hanging = hangs, folder / "slow", folder / "hanging"
        self.closed, self.close = threading.Event(), self.note_close

    def note_close(self) -> None:
        self.closed.set()

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> Iterator[Rollout]:
        self.calls += 1
        if self.calls == 3 and self.hangs:  # after an evaluation and the first step
            self.hanging.touch()
            assert self.closed.wait(timeout=60)
            raise EngineFailedError("the engine was closed")
        if self.calls == 3:
            self.slow.touch()
        yield from self.engine.generate(prompts, sampling)


SLOW = """
import time
from pathlib import Path

def slow(completion, gold):
    if (Path(__file__).parent / "slow").exists():
        (Path(__file__).parent / "hanging").touch()
        time.sleep(60.0)
    return len(completion) % 7 / 7
"""


@pytest.mark.parametrize("hangs", [True, False], ids=["the engine", "the reward"])
def test_a_run_that_is_interrupted_does_not_wait_for_what_hangs(
    one_step_off: TrainConfig, policy: Policy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hangs: bool
) -> None:
    (tmp_path / "slow.py").write_text(SLOW)
    engine = UntilItIsClosed(with_a_model_of_its_own(policy), tmp_path, hangs=hangs)

    def open_engine(config: TrainConfig, _: Any, problems: Any, folder: Path, stack: ExitStack, **__: Any) -> Waiting:
        stack.callback(engine.close)
        return engine

    interrupted = []

    def interrupt(*args: Any, **kwargs: Any) -> None:
        while not engine.hanging.exists():
            time.sleep(0.01)
        interrupted.append(time.monotonic())
        raise KeyboardInterrupt

    monkeypatch.setattr(opening, "check_engine", lambda config: ())
    monkeypatch.setattr(opening, "open_engine", open_engine)
    monkeypatch.setattr(step_module, "accumulate_gradients", interrupt)
    config = replace(
        one_step_off,
        engine="vllm",
        warmup=replace(one_step_off.warmup, steps=0),
        rewards=(RewardConfig(function=f"{tmp_path / 'slow.py'}:slow", seconds=100.0),),
    )
    with pytest.raises(KeyboardInterrupt):
        train(config, tmp_path / "run")
    assert time.monotonic() - interrupted[0] < 30.0
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("pgkern rollouts ahead")]


def test_a_batch_comes_back_from_a_file_as_it_was(one_step_off: TrainConfig, policy: Policy, tmp_path: Path) -> None:
    config = replace(one_step_off, rollouts=replace(one_step_off.rollouts, dynamic_sampling=True, max_draws=3))
    with parts_of(config, policy) as parts:
        batch = draw_batch(parts, PhaseClock(), 0)
        write_batch(tmp_path / "ahead.json", batch, parts.task.train)
        assert read_batch(tmp_path / "ahead.json", parts.task.train) == batch
    assert batch.draws >= 1
    assert len(batch.samples) <= len(batch.drawn)
