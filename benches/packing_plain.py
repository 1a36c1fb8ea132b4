"""Packing, sharing out and collating as one writes them without this library."""

import heapq

import numpy as np
import numpy.typing as npt

Arrays = dict[str, npt.NDArray[np.generic]]
Ids = npt.NDArray[np.int64]


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


def collate_by_numpy(prompts: list[Ids], responses: list[Ids]) -> Arrays:
    """The same from arrays, as one writes it who knows NumPy: every sequence by itself, then `concatenate`."""
    rows = [np.concatenate(pair) for pair in zip(prompts, responses, strict=True)]
    masks = [np.zeros(len(row), np.float32) for row in rows]
    for mask, prompt in zip(masks, prompts, strict=True):
        mask[len(prompt) - 1 : -1] = 1
    return {
        "token_ids": np.concatenate(rows),
        "positions": np.concatenate([np.arange(len(row)) for row in rows]),
        "sequence_ids": np.repeat(np.arange(len(rows)), [len(row) for row in rows]),
        "target_ids": np.concatenate([np.append(row[1:], 0) for row in rows]),
        "mask": np.concatenate(masks),
    }


def collate_by_padding(prompts: list[list[int]], responses: list[list[int]]) -> Arrays:
    """The arrays of `pgkern.collate_padded` by `torch.nn.utils.rnn.pad_sequence`."""
    import torch
    from torch.nn.utils.rnn import pad_sequence

    rows = [torch.tensor(prompt + response) for prompt, response in zip(prompts, responses, strict=True)]
    masks = [torch.zeros(len(row)) for row in rows]
    for mask, prompt in zip(masks, prompts, strict=True):
        mask[len(prompt) - 1 : -1] = 1
    token_ids = pad_sequence(rows, batch_first=True)
    lengths = torch.tensor([len(row) for row in rows])
    places = torch.arange(token_ids.shape[1])
    attended = places < lengths[:, None]
    return {
        "token_ids": token_ids.numpy(),
        "positions": (places * attended).numpy(),
        "sequence_ids": torch.arange(len(rows))[:, None].expand_as(token_ids).contiguous().numpy(),
        "target_ids": torch.nn.functional.pad(token_ids[:, 1:], (0, 1)).numpy(),
        "mask": pad_sequence(masks, batch_first=True).numpy(),
        "attention_mask": attended.long().numpy(),
    }


def largest_differencing(works: list[int], parts: int, *, equal_size: bool) -> list[list[int]]:
    """Karmarkar & Karp's method with `heapq`: the two most uneven divisions are laid over each other until one is left.

    With `equal_size`, sequences sorted by work come `parts` at a time, and the last of them are filled up with nothing.
    """
    order = sorted(range(len(works)), key=works.__getitem__)
    if equal_size:
        groups = [order[max(0, end - parts) : end] for end in range(len(order), 0, -parts)]
    else:
        groups = [[index] for index in order]
    heap = []
    for number, group in enumerate(groups):
        sets = [(works[index], [index]) for index in reversed(group)] + [(0, [])] * (parts - len(group))
        heap.append((sets[-1][0] - sets[0][0], number, sets))
    heapq.heapify(heap)
    number = len(heap)
    while len(heap) > 1:
        one, other = heapq.heappop(heap)[2], heapq.heappop(heap)[2]
        sets = [(a + b, left + right) for (a, left), (b, right) in zip(one, reversed(other), strict=True)]
        sets.sort(key=lambda each: -each[0])
        heapq.heappush(heap, (sets[-1][0] - sets[0][0], number, sets))
        number += 1
    return [indices for _, indices in heap[0][2]]
