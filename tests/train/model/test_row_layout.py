"""A packed row goes through the transformer in two forms, which give the same states and gradients."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pgkern.train.model import policy_model
from pgkern.train.model.micro_batches import TokenSequence, micro_batches
from pgkern.train.model.policy_model import Policy
from pgkern.train.model.row_layout import dense_crossover, padding_is_cheaper

LENGTHS = [(12, 9), (14, 7), (13, 8), (12, 6)]  # of prompt and response: 81 tokens, 84 when filled up


@pytest.fixture
def sequences() -> list[TokenSequence]:
    ids = torch.Generator().manual_seed(0)

    def drawn(count: int) -> tuple[int, ...]:
        return tuple(torch.randint(3, 300, (count,), generator=ids).tolist())

    return [TokenSequence(drawn(prompt), drawn(response)) for prompt, response in LENGTHS]


def states_and_gradient(policy: Policy, sequences: list[TokenSequence]) -> tuple[Tensor, Tensor]:
    (row,) = micro_batches(sequences, 10_000, policy.device)
    states_TD = policy.hidden(row)
    policy.model.zero_grad()
    states_TD.square().sum().backward()
    found = [parameter.grad for parameter in policy.model.parameters() if parameter.grad is not None]
    return states_TD.detach(), torch.cat([gradient.flatten() for gradient in found])


@pytest.fixture
def shapes(policy: Policy) -> list[tuple[int, ...]]:
    """Of what goes through the transformer."""
    seen: list[tuple[int, ...]] = []

    def look(module: nn.Module, args: Any, given: dict[str, Tensor]) -> None:
        seen.append(tuple(given["input_ids"].shape))

    policy.model.base_model.register_forward_pre_hook(look, with_kwargs=True)
    return seen


def test_both_forms_give_the_same(
    policy: Policy,
    sequences: list[TokenSequence],
    shapes: list[tuple[int, ...]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    filled_TD, filled_gradient = states_and_gradient(policy, sequences)
    monkeypatch.setattr(policy_model, "padding_is_cheaper", lambda *_: False)
    packed_TD, packed_gradient = states_and_gradient(policy, sequences)
    assert shapes == [(4, 21), (1, 81)]
    torch.testing.assert_close(filled_TD, packed_TD, rtol=1e-4, atol=1e-5)
    assert (filled_gradient - packed_gradient).norm() <= 1e-5 * packed_gradient.norm()


def test_attention_that_knows_lengths_keeps_the_row(
    policy: Policy, sequences: list[TokenSequence], shapes: list[tuple[int, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy_model, "dense_crossover", lambda *_: None)
    states_and_gradient(policy, sequences)
    assert shapes == [(1, 81)]


@pytest.mark.parametrize(
    ("lengths", "crossover", "expected"),
    [
        ([50] * 20, 1000, True),
        ([50] * 20, 10**9, True),  # nothing to fill up, so the mask is saved for nothing
        ([1000], 1000, False),  # the same twice
        ([40, 50] * 10, 1000, True),  # 1,000 tokens for 900: 1,000 * 1,050 against 900 * 1,900
        ([40, 50] * 10, 10_000, False),  # 1,000 * 10,050 against 900 * 10,900
        ([40, 50] * 10, 7_599, True),  # the two are equal at 7,600
        ([40, 50] * 10, 7_600, False),
        ([30, 50] * 10, 10, True),  # 1.25 times the tokens
        ([29, 50] * 10, 10, False),
    ],
)
def test_the_form_of_less_work(lengths: list[int], crossover: int, expected: bool) -> None:
    assert padding_is_cheaper(lengths, crossover) is expected


def test_the_crossover_counts_what_multiplies() -> None:
    transformer = nn.ModuleDict({"embedding": nn.Embedding(50, 8), "product": nn.Linear(100, 60, bias=False)})
    config: Any = SimpleNamespace(
        _attn_implementation="sdpa", num_attention_heads=5, head_dim=None, hidden_size=20, num_hidden_layers=3
    )
    assert dense_crossover(transformer, config) == 50  # 6,000 weights / (2 * 3 layers * 5 heads of 4)
    config.head_dim = 10
    assert dense_crossover(transformer, config) == 20
    config._attn_implementation = "flash_attention_2"
    assert dense_crossover(transformer, config) is None
    config._attn_implementation, config.num_attention_heads = "sdpa", None  # no attention at all
    assert dense_crossover(transformer, config) is None
