"""Example rollouts of a run in ``rollouts.jsonl``: what the model wrote and what the verifier said to it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from .jsonl_log import JsonlLog

LONGEST_TEXT = 20_000  # characters of a text that are kept: half of them from its beginning, half from its end
FIRST_TOKENS, LAST_TOKENS = 384, 192  # of a response that are kept one by one


@dataclass(frozen=True)
class RolloutRow:
    """One rollout as people read it: texts, not token ids.

    Raises ValueError when there is not one log-probability for each token.
    """

    prompt: str
    response: str
    gold: str
    answer: str | None  # as extracted from the response; None where there was none
    verdict: str  # what became of it: "correct", "wrong", "no_answer", …, "scored", or how its reward failed
    reward: float | None  # None: it failed
    advantage: float | None  # mean over the tokens; None: not trained on
    finish_reason: str
    reason: str = ""  # why the verdict, in words
    tokens: Sequence[str] = ()  # the response token by token, as text
    log_probs: Sequence[float] = ()  # log π(token | what stands before it), natural logarithm

    def __post_init__(self) -> None:
        if len(self.tokens) != len(self.log_probs):
            raise ValueError(f"{len(self.tokens)} tokens but {len(self.log_probs)} log-probabilities")


class RolloutLog(JsonlLog):
    """Writes ``rollouts.jsonl``: the first ``per_step`` rollouts of every step that is logged.

    Rows stay small: of a long text the middle is left out, and of a long list of tokens as well; a mark that says how
    many stands in their place, with null for its log-probability.
    """

    def __init__(self, path: Path, resume_after: int | None = None, *, per_step: int = 4) -> None:
        if per_step < 0:
            raise ValueError(f"per_step must not be negative, got {per_step}")
        super().__init__(path, resume_after)
        self._per_step = per_step

    def log(self, step: int, rollouts: Iterable[RolloutRow]) -> None:
        """Append the first rollouts of a step; later ones are not looked at, so a generator may be passed."""
        self.append(_row(step, rollout) for rollout in islice(rollouts, self._per_step))


def _row(step: int, rollout: RolloutRow) -> dict[str, object]:
    tokens, log_probs = _without_middle(rollout.tokens, rollout.log_probs)
    return {
        "step": step,
        "prompt": _shortened(rollout.prompt),
        "response": _shortened(rollout.response),
        "gold": _shortened(rollout.gold),
        "answer": None if rollout.answer is None else _shortened(rollout.answer),
        "verdict": rollout.verdict,
        "reward": rollout.reward,
        "advantage": rollout.advantage,
        "finish_reason": rollout.finish_reason,
        "reason": _shortened(rollout.reason),
        "tokens": tokens,
        "log_probs": log_probs,
    }


def _shortened(text: str) -> str:
    left_out = len(text) - LONGEST_TEXT
    if left_out <= 0:
        return text
    half = LONGEST_TEXT // 2
    return f"{text[:half]}\n… {left_out:,} characters are left out here …\n{text[-half:]}"


def _without_middle(tokens: Sequence[str], log_probs: Sequence[float]) -> tuple[list[str], list[float | None]]:
    left_out = len(tokens) - FIRST_TOKENS - LAST_TOKENS
    if left_out <= 0:
        return [*tokens], _rounded(log_probs)
    mark = f"\n… {left_out:,} tokens are left out here …\n"
    return (
        [*tokens[:FIRST_TOKENS], mark, *tokens[-LAST_TOKENS:]],
        [*_rounded(log_probs[:FIRST_TOKENS]), None, *_rounded(log_probs[-LAST_TOKENS:])],
    )


def _rounded(log_probs: Sequence[float]) -> list[float | None]:
    return [round(float(log_prob), 4) for log_prob in log_probs]  # for people, so four decimals will do
