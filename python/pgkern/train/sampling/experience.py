"""Rollouts of a step with what they earned: everything an update needs to know of the outside world."""

import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from ...data.problem import Problem
from ...rollout.engine import Rollout, RolloutEngine, Sampling
from ..judging.rewards_in_loop import Judged, RewardJudge
from ..model.policy_model import Policy

_HANDED_OVER_TOGETHER = 32  # rollouts; judged in another thread while the engine generates the next
_HANDED_OVER_EVERY_S = 0.05  # or earlier: a slow engine's answers do not wait for one another


@dataclass(frozen=True)
class Sample:
    """One response to one problem, and what it earned."""

    problem: Problem
    group: int
    """Samples with the same number answer the same prompt."""
    rollout: Rollout
    judged: Judged


@dataclass(frozen=True)
class Collected:
    """Rollouts, the samples of one problem next to one another, whose rewards are still on their way."""

    problems: Sequence[Problem]
    rollouts: list[Rollout]
    _judge: RewardJudge
    _places: list[int]

    def samples(self) -> list[Sample]:
        """The rollouts with their rewards; waits for these."""
        judged = self._judge.results()
        return [
            Sample(self.problems[rollout.prompt_index], rollout.prompt_index, rollout, judged[place])
            for rollout, place in zip(self.rollouts, self._places, strict=True)
        ]


def collect(
    policy: Policy,
    engine: RolloutEngine,
    judge: RewardJudge,
    problems: Sequence[Problem],
    sampling: Sampling,
    *,
    watch: Callable[[Iterator[Rollout]], Iterable[Rollout]] = iter,
) -> Collected:
    """Sample `sampling.num_samples` responses to each problem; they are judged while the engine samples the rest.

    `watch` may look at the rollouts as they come, for a progress bar.

    Raises `RuntimeError` when the engine did not answer every prompt as often as asked.
    """
    rollouts: list[Rollout] = []
    handed_over, last = 0, -math.inf  # the first one at once

    def hand_over() -> None:
        nonlocal handed_over, last
        new = rollouts[handed_over:]
        judge.submit(new, [problems[rollout.prompt_index] for rollout in new])
        handed_over, last = len(rollouts), time.monotonic()

    for rollout in watch(engine.generate([policy.prompt(problem) for problem in problems], sampling)):
        rollouts.append(rollout)
        late = time.monotonic() - last >= _HANDED_OVER_EVERY_S
        if late or len(rollouts) - handed_over == _HANDED_OVER_TOGETHER:
            hand_over()
    if handed_over < len(rollouts):
        hand_over()
    answered = Counter(rollout.prompt_index for rollout in rollouts)
    if len(answered) != len(problems) or set(answered.values()) != {sampling.num_samples}:
        raise RuntimeError(
            f"the engine gave {len(rollouts)} rollouts of {len(answered)} prompts, "
            f"expected {sampling.num_samples} of each of {len(problems)}"
        )
    places = sorted(
        range(len(rollouts)), key=lambda place: (rollouts[place].prompt_index, rollouts[place].sample_index)
    )
    return Collected(problems, [rollouts[place] for place in places], judge, places)


def rollout_metrics(rollouts: Sequence[Rollout]) -> dict[str, float]:
    """Mean length in tokens, and the share that was cut off."""
    return {
        "response_length": sum(len(rollout.response_ids) for rollout in rollouts) / len(rollouts),
        "truncated_fraction": sum(rollout.finish_reason == "length" for rollout in rollouts) / len(rollouts),
    }
