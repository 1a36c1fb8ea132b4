"""V(s) against plain torch, a sequence at a time; what it leaves alone; and that it learns."""

import copy
import io
from dataclasses import replace
from typing import Any, get_args

import pytest
import torch
from torch import Tensor

from pgkern.data.problem import Problem
from pgkern.train.config import ValueConfig
from pgkern.train.config.advantages import ValueKind
from pgkern.train.model.micro_batches import TokenSequence, micro_batches
from pgkern.train.model.policy_model import Policy
from pgkern.train.scoring.score import score
from pgkern.train.scoring.value_function import ValueFunction

RATE = 1e-3
KINDS = [ValueConfig(kind=kind, learning_rate=RATE, passes=1) for kind in get_args(ValueKind)]
by_kind = pytest.mark.parametrize("settings", KINDS, ids=["head", "network"])


@pytest.fixture
def sequences(policy: Policy, problems: list[Problem]) -> list[TokenSequence]:
    return [
        TokenSequence(policy.prompt(problem).token_ids, policy.solution_ids(problem)[: 5 + 3 * index])
        for index, problem in enumerate(problems[:5])
    ]


def like(sequences: list[TokenSequence], seed: int) -> list[list[float]]:
    noise = torch.Generator().manual_seed(seed)
    return [torch.randn(len(sequence.response_ids), generator=noise).tolist() for sequence in sequences]


def opinionated(policy: Policy, settings: ValueConfig) -> ValueFunction:
    """A value function whose last layer is not zero."""
    value = ValueFunction.new(policy, settings, seed=3)
    with torch.no_grad():
        value._head.last.weight.normal_(generator=torch.Generator().manual_seed(4))
    return value


def one_by_one(head: Any, model: Any, sequence: TokenSequence) -> Tensor:
    """V of each response token of a sequence alone, by transformers' own list of hidden states and plain torch."""
    ids = torch.tensor([[*sequence.prompt_ids, *sequence.response_ids]])
    hidden_LD = model(ids, output_hidden_states=True).hidden_states[-1][0].float()
    mean, variance = hidden_LD.mean(-1, keepdim=True), hidden_LD.var(-1, keepdim=True, correction=0)
    inner = (hidden_LD - mean) / (variance + 1e-5).sqrt() @ head.inner.weight.T + head.inner.bias
    values_L = inner * inner.sigmoid() @ head.last.weight[0] + head.last.bias
    first = len(sequence.prompt_ids) - 1
    return values_L[first : first + len(sequence.response_ids)]


@by_kind
def test_it_starts_at_zero_and_leaves_the_generator_alone(
    policy: Policy, sequences: list[TokenSequence], settings: ValueConfig
) -> None:
    torch.manual_seed(11)
    state = torch.get_rng_state()
    value = ValueFunction.new(policy, settings, seed=0)
    assert torch.equal(torch.get_rng_state(), state)
    assert value.values(policy, sequences, 60) == [[0.0] * len(sequence.response_ids) for sequence in sequences]


def test_the_seed_decides_the_head(policy: Policy) -> None:
    first, again, other = (ValueFunction.new(policy, KINDS[0], seed)._head.inner.weight for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@by_kind
@pytest.mark.parametrize("max_tokens", [1, 60, 10_000])
def test_values_are_those_of_the_states_before_the_tokens(
    policy: Policy, sequences: list[TokenSequence], settings: ValueConfig, max_tokens: int
) -> None:
    value = opinionated(policy, settings)
    sequences = [*sequences, TokenSequence(sequences[0].prompt_ids, ())]
    found = value.values(policy, sequences, max_tokens)
    assert found[-1] == []
    for sequence, row in zip(sequences, found, strict=True):
        assert row == pytest.approx(one_by_one(value._head, policy.model, sequence).tolist(), abs=2e-5)


def test_hidden_states_that_are_known_need_no_second_pass(
    policy: Policy, sequences: list[TokenSequence], monkeypatch: pytest.MonkeyPatch
) -> None:
    value = opinionated(policy, KINDS[0])
    (batch,) = micro_batches(sequences, 10_000, policy.device)
    arguments: dict[str, Any] = {"clip": 0.2, "max_tokens": 60, "max_gradient_norm": 1.0}
    hidden_RD = policy.hidden(batch)[batch.mask_T.bool()]
    expected = value.of_batch(policy, batch)
    scores = score(policy, sequences, temperature=1.0, max_tokens=60, value=value)
    assert scores.values == value.values(policy, sequences, 60)
    again = copy.deepcopy(value)
    old, returns = like(sequences, 0), like(sequences, 1)
    metrics = value.update(policy, sequences, old, returns, **arguments)

    def never(*_: Any) -> Any:
        raise AssertionError("the sequences went through the model again")

    monkeypatch.setattr(Policy, "hidden", never)
    assert torch.equal(again.of_batch(policy, batch, hidden_RD), expected)
    assert again.update(policy, sequences, old, returns, hidden=scores.hidden, **arguments) == metrics
    assert all(torch.equal(a, b) for a, b in zip(value._modules.parameters(), again._modules.parameters(), strict=True))


@by_kind
@pytest.mark.parametrize("max_tokens", [1, 60, 10_000])
@pytest.mark.parametrize("clip", [None, 0.2])
def test_an_update_is_the_textbook_step_whatever_the_rows(
    policy: Policy, sequences: list[TokenSequence], settings: ValueConfig, max_tokens: int, clip: float | None
) -> None:
    value = opinionated(policy, settings)
    head, model = copy.deepcopy(value._head), copy.deepcopy(policy.model)
    old, returns = like(sequences, 0), like(sequences, 1)
    R = torch.tensor([number for row in returns for number in row])
    trained = [*head.parameters()]
    if settings.kind == "network":
        trained += [*model.base_model.parameters()]
    V = torch.cat([one_by_one(head, model, sequence) for sequence in sequences])
    squared = (V - R) ** 2
    if clip is not None:
        V_old = torch.tensor([number for row in old for number in row])
        squared = torch.maximum(squared, (V_old + (V - V_old).clamp(-clip, clip) - R) ** 2)
    loss = 0.5 * squared.mean()
    # AdamW's first step is that of a sign: plain descent shows the size of the gradient as well.
    value._optimizer = torch.optim.SGD(value._modules.parameters(), lr=RATE)
    expected = torch.optim.SGD(trained, lr=RATE)
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(trained, 0.5)
    assert norm > 0.5
    expected.step()

    metrics = value.update(policy, sequences, old, returns, clip=clip, max_tokens=max_tokens, max_gradient_norm=0.5)
    assert metrics["value_loss"] == pytest.approx(loss.item(), rel=1e-4)
    assert metrics["value_gradient_norm"] == pytest.approx(float(norm), rel=1e-4)
    explained = 1.0 - float((R - V.detach()).var() / R.var())
    assert metrics["explained_variance"] == pytest.approx(explained, rel=1e-4)
    for found, wanted in zip(value._modules.parameters(), trained, strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-8)


@by_kind
def test_several_passes_are_several_updates_and_tell_of_the_first(
    policy: Policy, sequences: list[TokenSequence], settings: ValueConfig
) -> None:
    old, returns = like(sequences, 0), like(sequences, 1)
    arguments: dict[str, Any] = {"clip": 0.2, "max_tokens": 60, "max_gradient_norm": 1.0}
    one = ValueFunction.new(policy, settings, seed=0)
    three = ValueFunction.new(policy, replace(settings, passes=3), seed=0)
    metrics = [one.update(policy, sequences, old, returns, **arguments) for _ in range(3)]
    assert three.update(policy, sequences, old, returns, **arguments) == metrics[0] != metrics[1]
    assert three.values(policy, sequences, 60) == one.values(policy, sequences, 60)


@by_kind
def test_the_policy_is_left_alone(policy: Policy, sequences: list[TokenSequence], settings: ValueConfig) -> None:
    before = [parameter.clone() for parameter in policy.model.parameters()]
    value = opinionated(policy, settings)
    (batch,) = micro_batches(sequences, 10_000, policy.device)
    value.of_batch(policy, batch, policy.hidden(batch)[batch.mask_T.bool()]).sum().backward()
    arguments: dict[str, Any] = {"clip": 0.2, "max_tokens": 60, "max_gradient_norm": 1.0}
    value.update(policy, sequences, like(sequences, 0), like(sequences, 1), **arguments)
    assert all(parameter.grad is None for parameter in policy.model.parameters())
    assert all(torch.equal(a, b) for a, b in zip(before, policy.model.parameters(), strict=True))


@by_kind
def test_it_learns_the_mean_return_of_each_prompt(
    policy: Policy, problems: list[Problem], settings: ValueConfig
) -> None:
    """8 samples of each of 6 prompts, of which 0, 1, 3, 4, 6 and 8 are right: V(s_0) cannot know which."""
    right = [0, 1, 3, 4, 6, 8]
    sequences, returns = [], []
    for problem, count in zip(problems, right, strict=False):
        prompt = policy.prompt(problem).token_ids
        sequences += [TokenSequence(prompt, (300,))] * 8
        returns += [[1.0 if sample < count else 0.0] for sample in range(8)]
    value = ValueFunction.new(policy, ValueConfig(kind=settings.kind, learning_rate=3e-3, passes=1), seed=0)
    for _ in range(120):
        old = value.values(policy, sequences, 10_000)
        metrics = value.update(policy, sequences, old, returns, clip=None, max_tokens=10_000, max_gradient_norm=1.0)
    found = [row[0] for row in value.values(policy, sequences, 10_000)[::8]]
    assert found == pytest.approx([count / 8 for count in right], abs=0.03)
    between = torch.tensor(right, dtype=torch.float64).div(8).var(correction=0)
    total = torch.tensor(returns, dtype=torch.float64).var(correction=0)
    assert metrics["explained_variance"] == pytest.approx(float(between / total), abs=0.01)


@by_kind
def test_a_value_that_moved_too_far_already_has_no_gradient(
    policy: Policy, sequences: list[TokenSequence], settings: ValueConfig
) -> None:
    value = opinionated(policy, settings)
    now = value.values(policy, sequences, 60)
    old = [[number - 1.0 for number in row] for row in now]  # moved up by 1, towards the return
    returns = [[number + 1.0 for number in row] for row in now]
    arguments: dict[str, Any] = {"max_tokens": 60, "max_gradient_norm": 1.0}
    assert value.update(policy, sequences, old, returns, clip=0.2, **arguments)["value_gradient_norm"] == 0.0
    assert value.update(policy, sequences, old, returns, clip=2.5, **arguments)["value_gradient_norm"] > 0.0


@by_kind
def test_a_saved_one_goes_on_bit_for_bit(policy: Policy, sequences: list[TokenSequence], settings: ValueConfig) -> None:
    old, returns = like(sequences, 0), like(sequences, 1)
    arguments: dict[str, Any] = {"clip": 0.2, "max_tokens": 60, "max_gradient_norm": 1.0}
    value = ValueFunction.new(policy, settings, seed=0)
    value.update(policy, sequences, old, returns, **arguments)
    file = io.BytesIO()
    torch.save(value.state_dict(), file)
    again = ValueFunction.new(policy, settings, seed=5)
    again.load_state_dict(torch.load(io.BytesIO(file.getvalue()), weights_only=True))
    for _ in range(2):
        metrics = [v.update(policy, sequences, old, returns, **arguments) for v in (value, again)]
        assert metrics[0] == metrics[1]
    assert value.values(policy, sequences, 60) == again.values(policy, sequences, 60)


def test_a_state_of_the_other_kind_is_refused(policy: Policy) -> None:
    head, network = (ValueFunction.new(policy, settings, seed=0) for settings in KINDS)
    with pytest.raises(RuntimeError, match="Missing key"):
        network.load_state_dict(head.state_dict())


@by_kind
def test_of_a_policy_in_bf16_it_learns_in_fp32(
    policy: Policy, sequences: list[TokenSequence], settings: ValueConfig
) -> None:
    policy.model.bfloat16()
    value = opinionated(policy, settings)
    assert {parameter.dtype for parameter in value._modules.parameters()} == {torch.float32}
    (batch,) = micro_batches(sequences, 10_000, policy.device)
    reader = policy if value._own is None else value._own
    with torch.no_grad():
        hidden_RD = reader.hidden(batch)[batch.mask_T.bool()]
        assert hidden_RD.dtype == (torch.bfloat16 if settings.kind == "head" else torch.float32)
        assert torch.equal(value.of_batch(policy, batch), value._head(hidden_RD.float()))
    arguments: dict[str, Any] = {"clip": 0.2, "max_tokens": 60, "max_gradient_norm": 1.0}
    assert value.update(policy, sequences, like(sequences, 0), like(sequences, 1), **arguments)["value_loss"] > 0


def test_equal_returns_explain_nothing_and_no_token_learns_nothing(
    policy: Policy, sequences: list[TokenSequence]
) -> None:
    value = ValueFunction.new(policy, KINDS[0], seed=0)
    arguments: dict[str, Any] = {"clip": 0.2, "max_tokens": 60, "max_gradient_norm": 1.0}
    ones = [[1.0] * len(sequence.response_ids) for sequence in sequences]
    metrics = value.update(policy, sequences, like(sequences, 0), ones, **arguments)
    assert metrics.keys() == {"value_loss", "value_gradient_norm"}
    assert value.update(policy, [TokenSequence((5, 6), ())], [[]], [[]], **arguments) == {}
    assert value.update(policy, [], [], [], **arguments) == {}


def test_lists_that_do_not_fit_are_refused_with_their_numbers(policy: Policy, sequences: list[TokenSequence]) -> None:
    value = ValueFunction.new(policy, KINDS[0], seed=0)
    arguments: dict[str, Any] = {"clip": 0.2, "max_tokens": 60, "max_gradient_norm": 1.0}
    fits = like(sequences, 0)
    with pytest.raises(ValueError, match="returns has 4 lists, expected one for each of 5 sequences"):
        value.update(policy, sequences, fits, fits[:-1], **arguments)
    with pytest.raises(ValueError, match=r"old_values\[1\] has length 1, expected one for each of 8 response tokens"):
        value.update(policy, sequences, [fits[0], [0.5], *fits[2:]], fits, **arguments)
    with pytest.raises(ValueError, match=r"hidden\[0\] has length 4, expected one for each of 5 response tokens"):
        value.update(policy, sequences, fits, fits, hidden=[torch.ones(4, 32)] * 5, **arguments)


@by_kind
def test_a_return_that_is_not_finite_changes_nothing(
    policy: Policy, sequences: list[TokenSequence], settings: ValueConfig
) -> None:
    value = opinionated(policy, settings)
    before = value.values(policy, sequences, 60)
    bad = like(sequences, 0)
    bad[2][1] = float("nan")
    with pytest.raises(FloatingPointError, match="the gradient's norm is nan"):
        value.update(policy, sequences, bad, bad, clip=0.2, max_tokens=60, max_gradient_norm=1.0)
    assert value.values(policy, sequences, 60) == before
