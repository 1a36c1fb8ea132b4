from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

import pytest
from torch import Tensor

from pgkern.data.problem import Problem
from pgkern.rewards import Reward
from pgkern.rollout.engine import Prompt, Rollout, Sampling
from pgkern.train.config import AdvantageConfig
from pgkern.train.experience import ANSWER_PLACES, Experience, advantages, collect
from pgkern.train.policy_model import Policy
from pgkern.verification import Verdict, extract_answer

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


def test_rollouts_come_back_in_the_order_of_the_problems_with_their_verdicts(policy: Policy) -> None:
    engine = Reciting([[RIGHT, WRONG], [UNFORMED, " 2+3 </think> <answer> 5 </answer>"]])
    experience = collect(policy, engine, PROBLEMS, Sampling(num_samples=2), "r1_zero")
    assert [rollout.prompt_index for rollout in experience.rollouts] == [0, 0, 1, 1]
    assert [reward.reward for reward in experience.rewards] == [1.0, 0.0, 0.0, 1.0]
    assert experience.problem_of(3) is PROBLEMS[1]
    metrics = experience.metrics()
    assert (metrics["train_reward"], metrics["format_reward"]) == (0.5, 0.75)
    assert (metrics["verdict_correct"], metrics["verdict_wrong"], metrics["verdict_no_answer"]) == (0.5, 0.25, 0.25)
    assert (metrics["response_length"], metrics["truncated_fraction"]) == (2.0, 0.0)


@pytest.mark.parametrize("reward", ["json_match", "text_match"])
def test_rewards_that_need_nothing_but_a_gold(policy: Policy, reward: Literal["json_match", "text_match"]) -> None:
    golds = [problem.gold for problem in PROBLEMS]
    engine = Reciting([[golds[0], "no"], ["", golds[1]]])
    experience = collect(policy, engine, PROBLEMS, Sampling(num_samples=2), reward)
    assert [one.reward for one in experience.rewards] == [1.0, 0.0, 0.0, 1.0]
    assert [extract_answer(text, mode=ANSWER_PLACES[reward]) for text in (golds[0], "no", "")] == [golds[0], "no", None]


def test_an_engine_that_loses_a_rollout_is_noticed(policy: Policy) -> None:
    with pytest.raises(RuntimeError, match="gave 3 rollouts of 2 prompts, expected 2 of each of 2"):
        collect(policy, Reciting([[RIGHT, WRONG], [RIGHT]]), PROBLEMS, Sampling(num_samples=2), "r1_zero")


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"baseline": "none", "normalize_std": False}, [1.0, 0.0, 0.0, 0.0]),
        ({"baseline": "batch_mean", "normalize_std": False}, [0.75, -0.25, -0.25, -0.25]),
        ({"baseline": "group_mean", "normalize_std": False}, [0.5, -0.5, 0.0, 0.0]),
        ({"baseline": "leave_one_out", "normalize_std": False}, [1.0, -1.0, 0.0, 0.0]),
        ({"baseline": "group_mean", "normalize_std": True}, [0.5**0.5, -(0.5**0.5), 0.0, 0.0]),
    ],
)
def test_every_baseline(settings: dict[str, Any], expected: list[float]) -> None:
    rewards = [Reward(value, 1.0, value, Verdict.WRONG) for value in (1.0, 0.0, 0.0, 0.0)]
    rollouts = [Rollout(i // 2, Prompt("", (1,)), (1,), "", (0.0,), "stop", 0) for i in range(4)]
    experience = Experience(PROBLEMS, rollouts, rewards, 0.0)
    assert advantages(experience, AdvantageConfig(**settings)) == pytest.approx(expected, abs=1e-5)
