from collections.abc import Iterable, Iterator, Sequence
from types import SimpleNamespace

import pytest
from torch import Tensor

from pgkern.data.problem import Problem
from pgkern.rollout.engine import Prompt, Rollout, Sampling
from pgkern.train.config import RewardConfig
from pgkern.train.judging.rewards_in_loop import RewardJudge
from pgkern.train.model.policy_model import Policy
from pgkern.train.sampling import experience
from pgkern.train.sampling.experience import collect, rollout_metrics

PROBLEMS = [Problem("What is 1 + 1?", "2"), Problem("What is 2 + 3?", "5")]
RIGHT, WRONG, UNFORMED = " 2 </think> <answer> 2 </answer>", " </think> <answer> 7 </answer>", "2"


class Reciting:
    """An engine that says the given responses to each prompt, the last prompt first."""

    def __init__(self, responses: list[list[str]]) -> None:
        self._responses = responses

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> Iterator[Rollout]:
        for index in reversed(range(len(prompts))):
            for text in self._responses[index]:
                yield Rollout(index, prompts[index], (1, 2), text, (-0.5, -0.5), "stop", 0)

    def load_weights(self, weights: Iterable[tuple[str, Tensor]], version: int) -> None: ...

    def close(self) -> None: ...


def test_rollouts_come_back_in_the_order_of_the_problems_each_with_its_own_reward(policy: Policy) -> None:
    engine = Reciting([[RIGHT, WRONG], [UNFORMED, " 2+3 </think> <answer> 5 </answer>"]])
    with RewardJudge([RewardConfig()]) as judge:
        samples = collect(policy, engine, judge, PROBLEMS, Sampling(num_samples=2)).samples()
    assert [sample.group for sample in samples] == [0, 0, 1, 1]
    assert [sample.rollout.response for sample in samples[:3]] == [RIGHT, WRONG, UNFORMED]
    assert [sample.judged.reward for sample in samples] == [1.0, 0.0, 0.0, 1.0]
    assert [sample.judged.outcome for sample in samples] == ["correct", "wrong", "no_answer", "correct"]
    assert samples[3].problem is PROBLEMS[1]
    metrics = rollout_metrics([sample.rollout for sample in samples])
    assert metrics == {"response_length": 2.0, "truncated_fraction": 0.0}


def test_more_rollouts_than_are_judged_together(policy: Policy) -> None:
    engine = Reciting([[RIGHT, WRONG] * 40, [UNFORMED] * 80])
    with RewardJudge([RewardConfig()]) as judge:
        samples = collect(policy, engine, judge, PROBLEMS, Sampling(num_samples=80)).samples()
    assert [sample.judged.reward for sample in samples] == [1.0, 0.0] * 40 + [0.0] * 80


def test_rewards_begin_with_the_first_rollout_and_never_wait_for_long(
    policy: Policy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The times at which rollouts come, and how many have been handed over when the next one is asked for."""
    now, judged_before = 100.0, list[int]()
    at = [100.0, 100.01, 100.06, 100.07, 100.2, *[100.21] * 40]
    monkeypatch.setattr(experience, "time", SimpleNamespace(monotonic=lambda: now))

    class Slow(Reciting):
        def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> Iterator[Rollout]:
            nonlocal now
            for moment, rollout in zip(at, super().generate(prompts, sampling), strict=True):
                now = moment
                yield rollout
                judged_before.append(sum(map(len, handed_over)))

    with RewardJudge([RewardConfig()]) as judge:
        handed_over, submit = list[Sequence[Rollout]](), judge.submit

        def noted(rollouts: Sequence[Rollout], problems: Sequence[Problem]) -> None:
            handed_over.append(rollouts)
            submit(rollouts, problems)

        monkeypatch.setattr(judge, "submit", noted)
        engine = Slow([[WRONG] * (len(at) - 1) + [RIGHT]])
        samples = collect(policy, engine, judge, PROBLEMS[:1], Sampling(num_samples=len(at))).samples()
    assert judged_before == [1, 1, 3, 3, 5, *[5] * 31, *[37] * 9]
    assert [len(rollouts) for rollouts in handed_over] == [1, 2, 2, 32, 8]
    assert [sample.judged.reward for sample in samples] == [0.0] * (len(at) - 1) + [1.0]


def test_an_engine_that_loses_a_rollout_is_noticed(policy: Policy) -> None:
    engine = Reciting([[RIGHT, WRONG], [RIGHT]])
    with (
        RewardJudge([RewardConfig()]) as judge,
        pytest.raises(RuntimeError, match="gave 3 rollouts of 2 prompts, expected 2 of each of 2"),
    ):
        collect(policy, engine, judge, PROBLEMS, Sampling(num_samples=2))
