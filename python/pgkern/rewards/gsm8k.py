"""The reward of GSM8K's own form, `#### X`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..gold_text import GoldLike, gold_text
from ..verification import Gold, Verdict, extract_answer, verify, verify_many
from .reward import Reward, judged
from .verify_options import VerifyOptions

if TYPE_CHECKING:
    from typing_extensions import Unpack


def gsm8k(completion: str, gold: GoldLike, **options: "Unpack[VerifyOptions]") -> Reward:
    """Reward a right `#### X`; a gold may be a worked solution that itself ends in `#### X`.

    Raises `ValueError` for a gold that is neither text nor number (None, True), and for options that the verifier does
    not know.
    """
    return judged(verify(completion, _final(gold), mode="gsm8k", **options))


def gsm8k_many(
    completions: Sequence[str],
    golds: Sequence[GoldLike],
    *,
    num_threads: int | None = None,
    **options: "Unpack[VerifyOptions]",
) -> list[Reward]:
    """`[gsm8k(c, g) for c, g in zip(completions, golds)]`, on `num_threads` threads (None: all cores).

    Raises `ValueError` as that does, when the lengths differ, and for fewer than one thread.
    """
    codes = verify_many(completions, [_final(gold) for gold in golds], mode="gsm8k", num_threads=num_threads, **options)
    return [judged(Verdict(code)) for code in codes.tolist()]


def _final(gold: GoldLike) -> Gold:
    text = gold_text(gold)
    return _stated(text) if isinstance(text, str) else [_stated(one) for one in text]


def _stated(gold: str) -> str:
    return extract_answer(gold, mode="gsm8k") or gold
