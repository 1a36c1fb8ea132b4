"""The rewards of a run: several, weighted, judged while the engine still samples, and none of them can stop it."""

import weakref
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType

from ...data.problem import Problem
from ...rollout.engine import Rollout
from ...verification import Verdict, extract_answer
from ..config import RewardConfig
from .outcomes import FAILURES
from .reward_thread import Score, Submitted
from .run_reward import RunReward

OUTCOMES = (*(verdict.name.lower() for verdict in Verdict), "scored", *FAILURES)
"""Every word that says what became of a rollout."""

_LARGEST = 1e18  # float32, which advantages are in, has room for its square


class RewardFailedError(ValueError):
    """A reward judges nothing any more, so there is nothing to train on."""


@dataclass(frozen=True)
class Judged:
    """What a rollout earned.

    Attributes:
        reward: the weighted sum; None where a reward failed, for then the rollout is evidence of nothing.
        format_reward: of the first reward with a verdict, which is a built-in one or one's own that returns a `Reward`;
            None where there is none.
        parts: each reward's own value, without its weight, by name; one that failed is missing.
        outcome: in a word: the first verdict, or `"scored"`; where a reward with a weight failed, how.
        reason: the same in words; empty where the outcome says it all.
        answer: what the first built-in reward compared with the gold; None where there was none.
        failures: outcome and reason of each reward that failed, by name, those without weight too.
    """

    reward: float | None
    format_reward: float | None
    parts: dict[str, float]
    outcome: str
    reason: str = ""
    answer: str | None = None
    failures: dict[str, tuple[str, str]] = field(default_factory=dict)


class RewardJudge:
    """Judges rollouts in the background: `submit` them as they come, ask for the `results` at the end.

    Every reward has a thread; those that somebody wrote have worker processes, in which a call that takes too long is
    killed. `close()`, leaving a `with`, and the end of the program leave no process behind.

    Raises `ValueError` at once for a name that is no reward, a file or function that is not there or cannot be loaded,
    columns that a reward does not take, and when no reward has a weight.
    """

    def __init__(self, rewards: Sequence[RewardConfig]) -> None:
        if not any(config.weight for config in rewards):
            raise ValueError("every reward has weight 0; a policy needs something to learn from")
        self._rewards: list[RunReward] = []
        self._end = weakref.finalize(self, _close_all, self._rewards)
        taken = {"failures"}  # reward_failures is a metric
        try:
            for index, config in enumerate(rewards):
                self._rewards.append(RunReward(config, index, taken))
        except BaseException:
            self.close()
            raise
        self._answer_place = next((one.mode for one in self._rewards if one.mode is not None), None)
        self._responses: list[str] = []
        self._last: list[Judged] = []
        self._without_any = 0

    def check_columns(self, problems: Sequence[Problem]) -> None:
        """Raise `ValueError` for a problem without a column that a reward takes, or with one that it cannot take."""
        for reward in self._rewards:
            reward.check(problems)

    def submit(self, rollouts: Sequence[Rollout], problems: Sequence[Problem]) -> None:
        """Returns at once; `problems[i]` is what `rollouts[i]` answers."""
        if len(rollouts) != len(problems):
            raise ValueError(f"{len(rollouts)} rollouts but {len(problems)} problems: each needs the one it answers")
        responses = [rollout.response for rollout in rollouts]
        for reward in self._rewards:
            reward.thread.submit(
                [
                    Submitted(response, problem.gold, reward.columns_of(problem))
                    for response, problem in zip(responses, problems, strict=True)
                ]
            )
        self._responses += responses

    def results(self) -> list[Judged]:
        """Waits until all that was submitted since the last call is judged; in the order of submission."""
        scores = [reward.thread.results() for reward in self._rewards]
        responses, self._responses = self._responses, []
        for reward, its in zip(self._rewards, scores, strict=True):
            reward.note(its)
        judged = [self._judged(*sample) for sample in zip(responses, *scores, strict=True)]
        self._last += judged
        return judged

    def end_step(self) -> None:
        """A step, of one draw or several, or an evaluation has all its `results`.

        Raises `RewardFailedError` where in as many of them in a row as a reward has `patience` it has judged nothing,
        or all rewards together have left no rollout one.
        """
        failures = [reward.end_step() for reward in self._rewards]
        last, self._last = self._last, []
        if failure := next(filter(None, failures), None):
            raise RewardFailedError(failure)
        if last:
            self._without_any = 0 if any(one.reward is not None for one in last) else self._without_any + 1
        if self._without_any >= min(reward.config.patience for reward in self._rewards if reward.config.weight):
            raise RewardFailedError(
                f"the rewards together left none of {len(last)} responses one, {self._without_any} times in a row "
                f"(rewards.patience), so there is nothing to train on; the last: {last[-1].reason}"
            )

    def judge(self, rollouts: Sequence[Rollout], problems: Sequence[Problem]) -> list[Judged]:
        """`submit` and `results`."""
        self.submit(rollouts, problems)
        return self.results()

    def close(self) -> None:
        """End every worker process now, whatever it does."""
        self._end()

    def __enter__(self) -> "RewardJudge":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _judged(self, response: str, *scores: Score) -> Judged:
        named = list(zip(self._rewards, scores, strict=True))
        parts = {reward.name: score.value for reward, score in named if score.value is not None}
        failures = {reward.name: (score.outcome, score.reason) for reward, score in named if score.value is None}
        lost = [reward.name for reward, _ in named if reward.name in failures and reward.config.weight]
        first = next((score for score in scores if score.format_reward is not None), None)
        form = None if first is None else first.format_reward
        answer = None if self._answer_place is None else extract_answer(response, mode=self._answer_place)
        if lost:
            outcome, reason = failures[lost[0]]
            told = f"{lost[0]}: {reason}" if len(named) > 1 else reason
            return Judged(None, form, parts, outcome, told, answer, failures)
        # A weight of 0 is left out and not multiplied by: its value may be missing.
        total = sum(reward.config.weight * parts[reward.name] for reward, _ in named if reward.config.weight)
        if not abs(total) <= _LARGEST:
            told = f"the weighted sum is {total:g}, expected at most {_LARGEST:g} in size"
            return Judged(None, form, parts, "bad_value", told, answer, failures | {"sum": ("bad_value", told)})
        outcome, reason = ("scored", "") if first is None else (first.outcome, first.reason)
        return Judged(total, form, parts, outcome, reason, answer, failures)


def reward_metrics(judged: Sequence[Judged]) -> dict[str, float]:
    """Means over the rollouts that could be judged, the share of each outcome, and how many rewards failed.

    `train_reward` is missing when none could; `reward_<name>` is there when there are several rewards.
    """
    means = {
        "train_reward": [one.reward for one in judged],
        "format_reward": [one.format_reward for one in judged],
    }
    names = list(dict.fromkeys(name for one in judged for name in (*one.parts, *one.failures)))
    if len(names) > 1:
        means |= {f"reward_{name}": [one.parts.get(name) for one in judged] for name in sorted(names)}
    metrics: dict[str, float] = {}
    for name, values in means.items():
        known = [value for value in values if value is not None]
        if known:
            metrics[name] = sum(known) / len(known)
    outcomes = Counter(one.outcome for one in judged)
    if judged:
        metrics |= {f"outcome_{word}": outcomes[word] / len(judged) for word in OUTCOMES}
    metrics["reward_failures"] = float(sum(bool(one.failures) for one in judged))
    return metrics


def failure_message(judged: Sequence[Judged]) -> str | None:
    """What failed, how often and why, in a line; None when nothing did."""
    first_reason: dict[tuple[str, str], str] = {}
    counts: Counter[tuple[str, str]] = Counter()
    for one in judged:
        for name, (outcome, reason) in one.failures.items():
            counts[name, outcome] += 1
            first_reason.setdefault((name, outcome), reason)
    told = [f"{name} {word} on {count} ({first_reason[name, word]})" for (name, word), count in counts.items()]
    return f"of {len(judged)} rollouts {', '.join(told)}" if told else None


def _close_all(rewards: list[RunReward]) -> None:
    for reward in rewards:
        reward.close()
