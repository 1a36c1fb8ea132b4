"""Collation: lists of ids and flat arrays, beside a Python loop, torch's padding, and TRL's packed data set."""

from typing import Any

import numpy as np
import numpy.typing as npt

import pgkern

from .packing_cases import MAX_TOKENS, Case, Lengths, lengths_of
from .packing_plain import Ids, collate_by_numpy, collate_by_padding, collate_packed
from .peers import Peer, installed_peers

_NAMES = ("token_ids", "positions", "sequence_ids", "target_ids", "mask")


def collation_cases(count: int) -> tuple[list[Case], list[str]]:
    """The cases, and a line for each peer that is not installed."""
    random = np.random.default_rng(1)
    prompt_lengths: Lengths = random.integers(32, 256, count)
    response_lengths = np.minimum(lengths_of(count), MAX_TOKENS - prompt_lengths)
    lengths = prompt_lengths + response_lengths
    flat_prompts = pgkern.Ragged.from_lengths(random.integers(0, 150_000, prompt_lengths.sum()), prompt_lengths)
    flat_responses = pgkern.Ragged.from_lengths(random.integers(0, 150_000, response_lengths.sum()), response_lengths)
    prompts, responses = flat_prompts.to_lists(), flat_responses.to_lists()
    arrays = (list(flat_prompts), list(flat_responses))
    _check_alike(pgkern.collate_packed(prompts, responses), collate_packed(prompts, responses))
    _check_alike(pgkern.collate_packed(flat_prompts, flat_responses), collate_by_numpy(*arrays))
    _check_alike(pgkern.collate_padded(prompts, responses), collate_by_padding(prompts, responses))

    cases = [
        Case(
            "collate_packed, lists",
            lengths,
            lambda: pgkern.collate_packed(prompts, responses),
            peer="a Python loop",
            theirs=lambda: collate_packed(prompts, responses),
        ),
        Case(
            "collate_packed, flat arrays",
            lengths,
            lambda: pgkern.collate_packed(flat_prompts, flat_responses),
            peer="NumPy, sequence by sequence",
            theirs=lambda: collate_by_numpy(*arrays),
        ),
        Case(
            "collate_padded, lists",
            lengths,
            lambda: pgkern.collate_padded(prompts, responses),
            peer="torch's pad_sequence",
            theirs=lambda: collate_by_padding(prompts, responses),
        ),
    ]
    peers, missing = installed_peers([Peer("TRL pack_dataset", "trl", _trl_packing, ("cpu",))], "cpu")
    for name, pack in peers.items():
        data = _trl_data(prompts, responses)
        cases.append(
            Case(
                "pack_sequences and collate_packed of each row",
                lengths,
                lambda: _packed_rows(*arrays, lengths),
                lambda rows: {"fill": float(f"{lengths.sum() / (rows * MAX_TOKENS):.6g}")},
                f"{name}, bfd",
                lambda data=data, pack=pack: pack(data),
            )
        )
    return cases, missing


def _packed_rows(prompts: list[Ids], responses: list[Ids], lengths: Lengths) -> int:
    rows = pgkern.pack_sequences(lengths, MAX_TOKENS)
    for row in rows:
        pgkern.collate_packed([prompts[index] for index in row], [responses[index] for index in row])
    return len(rows)


def _trl_data(prompts: list[list[int]], responses: list[list[int]]) -> Any:
    from datasets import Dataset

    sequences = [prompt + response for prompt, response in zip(prompts, responses, strict=True)]
    return Dataset.from_dict({"input_ids": sequences})


def _trl_packing() -> Any:
    from datasets import disable_progress_bars
    from trl import pack_dataset

    disable_progress_bars()
    # All sequences at once: in batches of 1,000, its default, its rows are less full.
    options = {"batch_size": None, "keep_in_memory": True, "load_from_cache_file": False}
    return lambda data: len(pack_dataset(data, MAX_TOKENS, "bfd", options))


def _check_alike(ours: pgkern.CollatedBatch, theirs: dict[str, npt.NDArray[np.generic]]) -> None:
    for name in _NAMES:
        np.testing.assert_array_equal(getattr(ours, name), theirs[name], err_msg=name)
