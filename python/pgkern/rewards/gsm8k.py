"""The reward of GSM8K's own form, `#### X`."""

from collections.abc import Sequence

from ..verification import Gold, Verdict, extract_answer, verify, verify_many
from .reward import Reward, judged


def gsm8k(completion: str, gold: Gold) -> Reward:
    """Reward a right `#### X`; the gold may be a worked solution that itself ends in `#### X`."""
    return judged(verify(completion, _final(gold), mode="gsm8k"))


def gsm8k_many(completions: Sequence[str], golds: Sequence[Gold], *, num_threads: int | None = None) -> list[Reward]:
    """`[gsm8k(c, g) for c, g in zip(completions, golds)]`, on `num_threads` threads (None: all cores)."""
    codes = verify_many(completions, [_final(gold) for gold in golds], mode="gsm8k", num_threads=num_threads)
    return [judged(Verdict(code)) for code in codes.tolist()]


def _final(gold: Gold) -> Gold:
    if not isinstance(gold, str):
        return gold
    return extract_answer(gold, mode="gsm8k") or gold
