"""Packing and collating in plain Python, as one writes them without this library."""

import numpy as np
import numpy.typing as npt

Arrays = dict[str, npt.NDArray[np.generic]]


def first_fit_decreasing(lengths: list[int], max_tokens: int) -> list[list[int]]:
    """Rows of at most `max_tokens` tokens: longest first, each into the first row with room. O(n * rows)."""
    rows: list[list[int]] = []
    room: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda index: -lengths[index]):
        length = lengths[index]
        for row, left in enumerate(room):
            if left >= length:
                rows[row].append(index)
                room[row] -= length
                break
        else:
            rows.append([index])
            room.append(max_tokens - length)
    return rows


def collate_packed(prompts: list[list[int]], responses: list[list[int]]) -> Arrays:
    """The arrays of `pgkern.collate_packed`, sequence by sequence, by list."""
    token_ids: list[int] = []
    positions: list[int] = []
    sequence_ids: list[int] = []
    target_ids: list[int] = []
    mask: list[float] = []
    for sequence, (prompt, response) in enumerate(zip(prompts, responses, strict=True)):
        tokens = prompt + response
        token_ids += tokens
        positions += range(len(tokens))
        sequence_ids += [sequence] * len(tokens)
        target_ids += [*tokens[1:], 0]
        mask += [0.0] * (len(prompt) - 1) + [1.0] * len(response) + [0.0]
    return {
        "token_ids": np.array(token_ids, np.int64),
        "positions": np.array(positions, np.int64),
        "sequence_ids": np.array(sequence_ids, np.int64),
        "target_ids": np.array(target_ids, np.int64),
        "mask": np.array(mask, np.float32),
    }
