"""Equal shares of work: by ours, and by largest differencing in Python."""

from collections.abc import Sequence

import pgkern

from .packing_cases import MAX_TOKENS, Case, Lengths, Quality, everything_once, lengths_of
from .packing_plain import largest_differencing

CROSSOVER = 36_000
"""Tokens: that of a model of 1.5 B weights in 28 layers of width 1536."""


def share_cases(count: int, numbers_of_parts: Sequence[int]) -> list[Case]:
    """`balance` and `pack_balanced` over so many parts; up to 2,000 sequences beside Python."""
    lengths = lengths_of(count)
    cases = []
    for parts in numbers_of_parts:
        cases += [_shares(lengths, parts, None, equal_size=False), _shares(lengths, parts, CROSSOVER, equal_size=True)]
        cases.append(_ranks(lengths, parts))
    return cases


def _shares(lengths: Lengths, parts: int, crossover: int | None, *, equal_size: bool) -> Case:
    def ours() -> list[list[int]]:
        return pgkern.balance(as_list, parts, attention_crossover=crossover, equal_size=equal_size)

    def theirs() -> list[list[int]]:
        return largest_differencing([_work(length, crossover) for length in as_list], parts, equal_size=equal_size)

    as_list: list[int] = lengths.tolist()
    options = (", attention" if crossover else "") + (", equal sizes" if equal_size else "")
    peer = "Karmarkar-Karp with heapq" if len(lengths) <= 2_000 else ""
    return Case(f"balance, {parts} parts{options}", lengths, ours, _unevenness(lengths, crossover), peer, theirs)


def _ranks(lengths: Lengths, ranks: int) -> Case:
    def quality(rows_of_ranks: list[list[list[int]]]) -> dict[str, float]:
        if len({len(rows) for rows in rows_of_ranks}) != 1:
            raise AssertionError("ranks differ in their numbers of rows")
        shares = [[index for row in rows for index in row] for rows in rows_of_ranks]
        return _unevenness(lengths, CROSSOVER)(shares)

    def ours() -> list[list[list[int]]]:
        return pgkern.pack_balanced(lengths, MAX_TOKENS, ranks, attention_crossover=CROSSOVER)

    return Case(f"pack_balanced, {ranks} ranks", lengths, ours, quality)


def _work(length: int, crossover: int | None) -> int:
    return length if crossover is None else crossover * length + length * length


def _unevenness(lengths: Lengths, crossover: int | None) -> Quality:
    def of(parts: Sequence[Sequence[int]]) -> dict[str, float]:
        everything_once(parts, len(lengths))
        uneven = pgkern.imbalance(parts, lengths, attention_crossover=crossover)
        return {"imbalance": float(f"{uneven:.4g}")}

    return of
