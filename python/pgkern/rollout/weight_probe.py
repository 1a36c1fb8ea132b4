"""Whether an engine samples from the weights it was given: its log-probabilities against the trainer's own.

Status codes and checksums do not tell: an engine may keep its old output layer, or what it cached under old weights.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from statistics import fmean, median

from .engine import EngineFailedError, Prompt, Rollout, Sampling

LogProbs = Callable[[Sequence[Rollout]], list[list[float]]]
"""log π of each rollout's response tokens as the trainer computes them, at the temperature they were sampled at."""

_FEW = 8  # tokens say nothing about whether an engine moved
_ROUNDING = 1e-5  # nats
_STOOD_STILL = 0.1  # of what the trainer has moved by


@dataclass(frozen=True)
class _Answer:
    rollout: Rollout
    own: list[float]
    """What the trainer found for its tokens."""


_Answers = dict[tuple[int, int], _Answer]


class WeightProbe:
    """A few rollouts, and the most by which their log-probabilities may differ from the trainer's.

    Where that allowance is for the rounding of half precision, it is more than one update changes, and an engine that
    kept the weights of before would pass. So an engine must have moved, too: where the trainer now finds others for
    what was answered under a version before, and the engine's own of the same tokens have changed by less than a
    tenth of that, it has the old weights. Where updates are so small that rounding hides them, the answers of before
    are kept until several updates together are seen.

    Args:
        prompts: that are answered after each push and each rebuild.
        sampling: how; at a temperature, because greedy tokens are the ones that weights change least.
        log_probs: the trainer's; asked for when a version is probed first, while the trainer has the weights that it
            pushed. An engine that is rebuilt later, when the trainer may be further, is compared with what was found
            then.
        tolerance: nats, of the mean absolute difference over tokens.

    Attributes:
        mismatch: nats: that mean of the last weights, the largest of all engines; None before the first check.
    """

    def __init__(self, prompts: Sequence[Prompt], sampling: Sampling, log_probs: LogProbs, *, tolerance: float) -> None:
        self.prompts, self.sampling = prompts, sampling
        self._log_probs, self._tolerance = log_probs, tolerance
        self._known: _Answers = {}
        self._before: _Answers = {}
        self._seen_to_move = False
        self.mismatch: float | None = None
        self._moved: dict[tuple[int, int], list[float]] = {}
        """By how much the trainer's log-probabilities of the answers of before have changed since."""

    def renew(self) -> None:
        """The trainer's weights are others now."""
        if self._known:
            if self._seen_to_move or not self._before:
                self._before = self._known
            self._known, self._moved, self._seen_to_move = {}, {}, False
        self.mismatch = None

    def check(self, rollouts: Sequence[Rollout]) -> None:
        """Raise `EngineFailedError` unless these rollouts of the prompts come from the trainer's weights."""
        known = self._known or self._answers(rollouts)
        differences = [
            abs(own - theirs)
            for answer, rollout, same in _in_common(known, rollouts)
            for own, theirs in zip(answer.own[:same], rollout.log_probs[:same], strict=True)
        ]
        if not differences:
            raise EngineFailedError("not one token of the probe is what these weights gave before")
        mean = fmean(differences)
        if not mean <= self._tolerance:
            raise EngineFailedError(
                f"it does not sample from the weights it was given: its log-probabilities of {len(differences)} tokens "
                f"are {mean:.3g} nats from the trainer's in the mean, {max(differences):.3g} at most; "
                f"allowed are {self._tolerance:g} in the mean"
            )
        self._require_moved(rollouts)
        self._known = known
        self.mismatch = max(mean, self.mismatch or 0.0)

    def _answers(self, rollouts: Sequence[Rollout]) -> _Answers:
        return {
            (rollout.prompt_index, rollout.sample_index): _Answer(rollout, own)
            for rollout, own in zip(rollouts, self._log_probs(rollouts), strict=True)
        }

    def _require_moved(self, rollouts: Sequence[Rollout]) -> None:
        if not self._moved and self._before:
            now = self._answers([answer.rollout for answer in self._before.values()])  # in one batch, as it was then
            self._moved = {
                key: [abs(after - own) for after, own in zip(now[key].own, answer.own, strict=True)]
                for key, answer in self._before.items()
            }
        own, theirs, others = list[float](), list[float](), False
        for answer, rollout, same in _in_common(self._before, rollouts):
            others |= answer.rollout.response_ids != rollout.response_ids
            own += self._moved[rollout.prompt_index, rollout.sample_index][:same]
            then = answer.rollout.log_probs[:same]
            theirs += [abs(after - before) for after, before in zip(rollout.log_probs[:same], then, strict=True)]
        has_moved = len(own) >= _FEW and median(own) > _ROUNDING
        self._seen_to_move |= has_moved or others  # the same seeds give an engine with the same weights the same tokens
        if has_moved and fmean(theirs) < _STOOD_STILL * median(own):
            raise EngineFailedError(
                f"it has kept its old weights: of {len(own)} tokens that it gave under the version before, the "
                f"trainer's log-probabilities have changed by {median(own):.3g} nats and its own by {fmean(theirs):.3g}"
            )


def _in_common(answers: _Answers, rollouts: Sequence[Rollout]) -> Iterator[tuple[_Answer, Rollout, int]]:
    """Each rollout with the answer of its place, and how many of their first tokens are the same."""
    for rollout in rollouts:
        answer = answers.get((rollout.prompt_index, rollout.sample_index))
        if answer is not None:
            pairs = zip(answer.rollout.response_ids, rollout.response_ids, strict=False)
            yield answer, rollout, sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
