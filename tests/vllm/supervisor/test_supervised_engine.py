"""Engines that die, hang and lie: the same rollouts come, none is lost, none twice, and nothing is left running."""

import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch

from pgkern.rollout.engine import EngineFailedError, Prompt, Rollout, Sampling
from pgkern.rollout.supervised_engine import SupervisedEngine
from pgkern.rollout.weight_folder import kinds_of

from ..processes import comes_true
from .child_replica import ChildReplica, Fate, Trainer, prompts, weights_of

SAMPLING = Sampling(num_samples=4, temperature=0.7, max_tokens=6, seed=5)
Make = Callable[..., SupervisedEngine]


@pytest.fixture
def trainer() -> Trainer:
    return Trainer()


@pytest.fixture
def events() -> list[tuple[str, str]]:
    return []


@pytest.fixture
def make(tmp_path: Path, trainer: Trainer, events: list[tuple[str, str]]) -> Iterator[Make]:
    """Engines over processes with a fate; in the end none of the processes runs, and no thread of the engine."""
    made: list[tuple[SupervisedEngine, Fate]] = []

    def make(fate: Fate, *, replicas: int = 1, probed: bool = True, **settings: Any) -> SupervisedEngine:
        engine = SupervisedEngine(
            [fate.build] * replicas,
            folder=tmp_path / "weights",
            expected=kinds_of(weights_of(0).items()),
            probe=trainer.probe() if probed else None,
            on_event=lambda name, message: events.append((name, message)),
            **settings,
        )
        made.append((engine, fate))
        return engine

    yield make
    for engine, fate in made:
        engine.close()
        assert fate.living() == []
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("pgkern")] == []
    assert not (tmp_path / "weights").exists()


def push(engine: SupervisedEngine, trainer: Trainer, version: int) -> None:
    trainer.version = version
    engine.load_weights(weights_of(version).items(), version)


def rollouts_of(engine: SupervisedEngine, number: int = 6) -> dict[tuple[int, int], Rollout]:
    """By prompt and sample; none twice."""
    rollouts = list(engine.generate(prompts(number), SAMPLING))
    by_key = {(each.prompt_index, each.sample_index): each for each in rollouts}
    assert len(by_key) == len(rollouts) == number * SAMPLING.num_samples
    return by_key


def steps(
    engine: SupervisedEngine, trainer: Trainer, before_generate: Callable[[int], None] = lambda step: None
) -> list[Any]:
    """What a run of five steps sees."""
    seen = []
    for step in range(5):
        push(engine, trainer, step)
        before_generate(step)
        seen.append(rollouts_of(engine))
    return seen


@pytest.fixture
def undisturbed(make: Make, trainer: Trainer) -> list[Any]:
    return steps(make(Fate()), trainer)


def names(events: list[tuple[str, str]]) -> list[str]:
    return [name for name, _ in events]


@pytest.mark.parametrize("replicas", [1, 2])
def test_rollouts_are_of_the_weights_that_were_pushed_last(make: Make, trainer: Trainer, replicas: int) -> None:
    engine = make(Fate(), replicas=replicas)
    seen = steps(engine, trainer)
    for version, rollouts in enumerate(seen):
        trainer.version = version
        theirs = [each for rollout in rollouts.values() for each in rollout.log_probs]
        own = [each for row in trainer.log_probs(list(rollouts.values())) for each in row]
        assert theirs == pytest.approx(own, abs=1e-9)
        assert {rollout.weights_version for rollout in rollouts.values()} == {version}
    assert len({rollout.response_ids for rollout in seen[0].values()}) > 6  # samples of a prompt differ


def test_engines_sleep_after_the_first_push_and_each_generation(
    make: Make, trainer: Trainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(ChildReplica, "sleep", lambda replica: told.append("sleep"))
    monkeypatch.setattr(ChildReplica, "wake_up", lambda replica: told.append("wake up"))
    engine = make(Fate(), sleeps=True)
    push(engine, trainer, 0)
    assert told == ["sleep"]  # the policy may be warmed up for long
    rollouts_of(engine)
    assert told == ["sleep", "wake up", "sleep"]
    push(engine, trainer, 1)
    assert told[3:] == ["wake up"]
    rollouts_of(engine)
    assert told[4:] == ["sleep"]


def test_seeds_are_the_requests_own_and_the_samplings(make: Make, trainer: Trainer) -> None:
    engine = make(Fate())
    push(engine, trainer, 0)
    all_of_them = rollouts_of(engine)
    assert rollouts_of(engine) == all_of_them
    assert rollouts_of(engine, 3) == {key: rollout for key, rollout in all_of_them.items() if key[0] < 3}
    other = list(engine.generate(prompts(6), Sampling(num_samples=4, temperature=0.7, max_tokens=6, seed=6)))
    assert [each.response_ids for each in other] != [each.response_ids for each in all_of_them.values()]


def test_rollouts_stream(make: Make, trainer: Trainer) -> None:
    engine = make(Fate(wrong=["slow"]), probed=False)
    push(engine, trainer, 0)
    started = time.perf_counter()
    next(iter(engine.generate(prompts(6), SAMPLING)))
    assert time.perf_counter() - started < 20.0  # all 24 take 24 s; leaving early ends them


@pytest.mark.parametrize("replicas", [1, 2])
def test_kills_while_generating_change_nothing(
    make: Make, trainer: Trainer, undisturbed: list[Any], events: list[tuple[str, str]], replicas: int
) -> None:
    fate = Fate(die_after_answers=[2, 12, 31, 70, 71, 120])  # the second is in the probe of the first push
    assert steps(make(fate, replicas=replicas), trainer) == undisturbed
    assert names(events).count("engine_failed") == len(fate.die_after_answers)
    assert names(events).count("engine_rebuilt") >= 5 - replicas
    assert all("its process" in message for name, message in events if name == "engine_failed")


@pytest.mark.parametrize("replicas", [1, 2])
def test_kills_in_pushes_change_nothing(
    make: Make, trainer: Trainer, undisturbed: list[Any], events: list[tuple[str, str]], replicas: int
) -> None:
    fate = Fate(die_in_pushes=[1, 3, 4, 6])  # one of them while a process is rebuilt
    assert steps(make(fate, replicas=replicas), trainer) == undisturbed
    assert names(events).count("engine_failed") == 4
    assert names(events)[-1] == "engine_rebuilt"


@pytest.mark.parametrize("replicas", [1, 2])
def test_kills_between_steps_change_nothing(
    make: Make, trainer: Trainer, undisturbed: list[Any], events: list[tuple[str, str]], replicas: int
) -> None:
    fate = Fate()

    def kill(step: int) -> None:
        fate.living()[-1].kill()

    assert steps(make(fate, replicas=replicas), trainer, before_generate=kill) == undisturbed
    assert names(events).count("engine_failed") == 5


def test_of_two_that_share_the_work_one_dies_for_good(
    make: Make, trainer: Trainer, undisturbed: list[Any], events: list[tuple[str, str]]
) -> None:
    fate = Fate(die_after_answers=[20], die_when_built=[3, 4, 5])
    engine = make(fate, replicas=2, max_rebuilds=2)
    assert steps(engine, trainer) == undisturbed
    assert "given up after 3 failures in a row" in events[-1][1]
    assert len(fate.living()) == 1
    assert len(fate.processes) == 4


def test_both_have_a_share(make: Make, trainer: Trainer) -> None:
    fate = Fate()
    engine = make(fate, replicas=2, probed=False)
    push(engine, trainer, 0)
    assert len(list(engine.generate(prompts(4), Sampling(max_tokens=2)))) == 4
    assert [replica.answers for replica in fate.processes] == [2, 2]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("old", "it says that it has the weights of version 0, expected 1"),
        ("other version", "a rollout is of the weights of version 2, expected 1"),
        ("half", "it answered 12 of 24 requests"),
        ("double", "it answered sample 0 of prompt 0, which it was not asked for"),
        ("nan", "log-probabilities are not finite"),
        ("hanging", "it made no progress for 5 s"),
    ],
)
def test_what_cannot_be_true_is_not_believed(
    make: Make, trainer: Trainer, undisturbed: list[Any], events: list[tuple[str, str]], wrong: str, message: str
) -> None:
    engine = make(Fate(wrong=[wrong]), probed=False, deadline_s=5.0)
    push(engine, trainer, 0)
    push(engine, trainer, 1)
    assert rollouts_of(engine) == undisturbed[1]
    assert names(events) == ["engine_failed", "engine_rebuilt"]
    assert message in events[0][1]


def test_a_process_that_keeps_its_old_weights_is_found_by_the_probe(
    make: Make, trainer: Trainer, undisturbed: list[Any], events: list[tuple[str, str]]
) -> None:
    engine = make(Fate(wrong=["stale"]))
    push(engine, trainer, 0)
    push(engine, trainer, 1)
    assert names(events) == ["engine_failed", "engine_rebuilt"]
    assert "does not sample from the weights it was given" in events[0][1]
    assert rollouts_of(engine) == undisturbed[1]


def test_a_rebuilt_process_is_probed_against_what_the_trainer_had_pushed(
    make: Make, trainer: Trainer, undisturbed: list[Any], events: list[tuple[str, str]]
) -> None:
    fate = Fate(die_after_answers=[22])
    engine = make(fate)
    push(engine, trainer, 0)
    push(engine, trainer, 1)
    trainer.version = 7  # it trains on while rollouts are generated
    assert rollouts_of(engine) == undisturbed[1]
    assert names(events) == ["engine_failed", "engine_rebuilt"]


def test_one_that_fails_again_and_again_ends_with_its_history(
    make: Make, trainer: Trainer, events: list[tuple[str, str]]
) -> None:
    fate = Fate(die_when_built=[2, 3], die_in_pushes=[3])  # the third push is the fourth process's first
    engine = make(fate, probed=False, max_rebuilds=3)
    push(engine, trainer, 0)
    push(engine, trainer, 1)
    fate.living()[0].kill()
    for _ in range(2):  # what has been given up is not tried again
        with pytest.raises(EngineFailedError) as raised:
            list(engine.generate(prompts(2), SAMPLING))
        assert str(raised.value).startswith(
            "the engine failed 4 times in a row: (1) its process is gone (2) its process"
        )
        assert "(4) its process ended with -9" in str(raised.value)
        assert names(events) == ["engine_failed"] * 4
        assert len(fate.processes) == 4


def test_one_that_does_not_start_is_not_tried_again(make: Make, trainer: Trainer) -> None:
    fate = Fate(die_when_built=[1])
    engine = make(fate)
    with pytest.raises(EngineFailedError, match="the engine did not start: its process"):
        push(engine, trainer, 0)
    assert len(fate.processes) == 1


def test_weights_that_are_refused_leave_the_engine_as_it_was(
    make: Make, trainer: Trainer, undisturbed: list[Any]
) -> None:
    engine = make(Fate())
    push(engine, trainer, 0)
    with pytest.raises(FloatingPointError, match="'w' is not finite"):
        engine.load_weights([("w", torch.full((12, 12), torch.nan))], 1)
    with pytest.raises(ValueError, match="1 weights are missing, the first is 'w'"):
        engine.load_weights([], 1)
    assert rollouts_of(engine) == undisturbed[0]


def test_weights_that_were_torn_on_the_disk_are_not_given_to_a_rebuilt_process(
    make: Make, trainer: Trainer, tmp_path: Path
) -> None:
    fate = Fate()
    engine = make(fate)
    push(engine, trainer, 0)
    whole = (tmp_path / "weights" / "model.safetensors").read_bytes()
    (tmp_path / "weights" / "model.safetensors").write_bytes(whole[:-4])
    fate.living()[0].kill()
    with pytest.raises(ValueError, match="is torn"):
        rollouts_of(engine)


def test_weights_in_memory_go_through_no_folder_and_reach_a_rebuilt_process(
    make: Make, trainer: Trainer, undisturbed: list[Any], events: list[tuple[str, str]], tmp_path: Path
) -> None:
    fate = Fate(die_after_answers=[20, 50])
    engine = make(fate, in_memory=True)
    shutil.rmtree(tmp_path / "weights")  # of the engine that nothing disturbed
    assert steps(engine, trainer) == undisturbed
    assert not (tmp_path / "weights").exists()
    assert [name for name, _ in events] == ["engine_failed", "engine_rebuilt"] * 2
    with pytest.raises(FloatingPointError, match="'w' is not finite"):
        engine.load_weights([("w", torch.full((12, 12), torch.nan))], 5)
    assert rollouts_of(engine) == undisturbed[4]


def test_whoever_stops_in_the_middle_can_go_on(make: Make, trainer: Trainer, undisturbed: list[Any]) -> None:
    fate = Fate()
    engine = make(fate, replicas=2)
    push(engine, trainer, 0)
    rollouts = engine.generate(prompts(6), SAMPLING)
    next(rollouts)
    with pytest.raises(RuntimeError, match="while rollouts are generated"):
        push(engine, trainer, 1)
    rollouts.close()
    trainer.version = 0
    assert rollouts_of(engine) == undisturbed[0]


def test_a_process_that_was_being_built_when_somebody_stopped_the_run_is_ended(make: Make, trainer: Trainer) -> None:
    class Interrupting(Fate):
        def build(self) -> ChildReplica:
            time.sleep(0.2)  # until it is waited for
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.2)
            return super().build()

    fate = Interrupting()
    engine = make(fate)
    with pytest.raises(KeyboardInterrupt):
        push(engine, trainer, 0)
    engine.close()
    assert len(fate.processes) == 1
    assert fate.living() == []


@pytest.mark.parametrize("replicas", [1, 2])
def test_closing_ends_processes_that_are_still_starting(make: Make, trainer: Trainer, replicas: int) -> None:
    fate = Fate(wrong=["not starting"] * replicas)
    engine = make(fate, replicas=replicas, cancellation=fate.cancellation)

    def interrupt_when_all_are_there() -> None:
        if comes_true(lambda: len(fate.processes) == replicas):
            os.kill(os.getpid(), signal.SIGINT)

    interrupting = threading.Thread(target=interrupt_when_all_are_there)
    interrupting.start()
    with pytest.raises(KeyboardInterrupt):
        push(engine, trainer, 0)
    assert len(fate.living()) == replicas
    started = time.perf_counter()
    engine.close()
    assert time.perf_counter() - started < 60.0  # they would take an hour, and are given two minutes
    assert fate.living() == []
    interrupting.join()


def test_closing_ends_a_generation_of_another_thread_and_nothing_is_built_anew(
    make: Make, trainer: Trainer, events: list[tuple[str, str]]
) -> None:
    fate = Fate(wrong=["slow"])
    engine = make(fate, probed=False, cancellation=fate.cancellation)
    push(engine, trainer, 0)
    rollouts = engine.generate(prompts(6), SAMPLING)
    next(rollouts)
    with ThreadPoolExecutor(1) as pool:
        others = pool.submit(list, rollouts)
        engine.close()
        with pytest.raises(EngineFailedError, match="the engine was closed"):
            others.result(60.0)
    assert len(fate.processes) == 1
    assert events == []


def test_what_takes_the_place_of_an_engine_and_is_none_leaves_the_other_at_work(
    make: Make, trainer: Trainer, undisturbed: list[Any], events: list[tuple[str, str]]
) -> None:
    fate = Fate(die_after_answers=[20], refused_when_built=[3, 4])
    assert steps(make(fate, replicas=2), trainer) == undisturbed
    failures = [message for name, message in events if name == "engine_failed"]
    assert len(failures) == 3
    assert all(message.endswith("it is not what it was: it takes no weights") for message in failures[1:])
    assert names(events)[-1] == "engine_rebuilt"


def test_what_is_none_from_the_beginning_is_a_mistake_of_the_caller(make: Make, trainer: Trainer) -> None:
    with pytest.raises(ValueError, match="it takes no weights"):
        push(make(Fate(refused_when_built=[1])), trainer, 0)


def test_what_an_engine_says_may_be_wrong_with_it_is_an_event(
    make: Make, trainer: Trainer, events: list[tuple[str, str]]
) -> None:
    engine = make(Fate(doubted="it is too new"))
    push(engine, trainer, 0)
    push(engine, trainer, 1)
    assert events == [("engine_doubtful", "the engine: it is too new")]


def test_mistakes_of_the_caller(make: Make, trainer: Trainer, tmp_path: Path) -> None:
    engine = make(Fate())
    with pytest.raises(RuntimeError, match="load_weights comes before generate"):
        next(engine.generate(prompts(1), SAMPLING))
    push(engine, trainer, 0)
    with pytest.raises(ValueError, match="prompt 1 has no tokens"):
        next(engine.generate([*prompts(1), Prompt("", ())], SAMPLING))
    settings: list[tuple[dict[str, Any], str]] = [
        ({"max_rebuilds": -1}, "max_rebuilds is -1"),
        ({"deadline_s": 0.0}, "deadline_s is 0.0"),
        ({"factories": []}, "no factories"),
    ]
    for each, message in settings:
        with pytest.raises(ValueError, match=message):
            SupervisedEngine(**{"factories": [ChildReplica], "folder": tmp_path, "expected": {}, **each})
