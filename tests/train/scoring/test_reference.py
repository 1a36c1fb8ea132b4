"""The policy before its first step: scored like a copy that was never trained, and found again by a resumed run."""

import copy
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from pgkern.data.problem import Problem
from pgkern.policy.objective import PolicyObjective
from pgkern.train.config import LoraConfig
from pgkern.train.model.lora import add_lora
from pgkern.train.model.micro_batches import TokenSequence
from pgkern.train.model.policy_model import Policy
from pgkern.train.scoring.reference import Reference
from pgkern.train.scoring.score import score
from pgkern.train.updating.gradients import accumulate_gradients
from pgkern.train.updating.optimizer import guarded_step, new_optimizer


@pytest.fixture
def sequences(policy: Policy, problems: list[Problem]) -> list[TokenSequence]:
    return [TokenSequence(policy.prompt(p).token_ids, policy.solution_ids(p)) for p in problems[:4]]


def per_token(sequences: list[TokenSequence]) -> list[list[float]]:
    return [[a] * len(s.response_ids) for a, s in zip([1.0, -0.5, 0.7, 2.0], sequences, strict=True)]


def train(policy: Policy, sequences: list[TokenSequence], steps: int) -> None:
    optimizer, advantages = new_optimizer(policy, learning_rate=0.02), per_token(sequences)
    for _ in range(steps):
        accumulate_gradients(policy, sequences, advantages, objective=PolicyObjective.reinforce(), max_tokens=100)
        guarded_step(optimizer, learning_rate=0.02, max_gradient_norm=1.0)


def log_probs(policy: Policy, sequences: list[TokenSequence]) -> list[list[float]]:
    return score(policy, sequences, temperature=0.7, max_tokens=100).log_probs


@pytest.mark.parametrize("lora", [False, True], ids=["whole", "lora"])
def test_it_stays_what_the_policy_was_and_the_policy_goes_on_as_without_it(
    policy: Policy, sequences: list[TokenSequence], lora: bool
) -> None:
    if lora:
        pytest.importorskip("peft", reason="peft is not installed")
        add_lora(policy.model, LoraConfig(rank=4), seed=0)
        train(policy, sequences, steps=1)  # a warm-up: the base is not the reference any more
    undisturbed = replace(policy, model=copy.deepcopy(policy.model))
    frozen = log_probs(policy, sequences)
    reference = Reference.of(policy)
    advantages = per_token(sequences)
    optimizers = [new_optimizer(each, learning_rate=0.02) for each in (policy, undisturbed)]
    for _ in range(3):
        assert reference.log_probs(policy, sequences, temperature=0.7, max_tokens=100) == frozen
        for each, optimizer in zip((policy, undisturbed), optimizers, strict=True):
            accumulate_gradients(each, sequences, advantages, objective=PolicyObjective.reinforce(), max_tokens=100)
            guarded_step(optimizer, learning_rate=0.02, max_gradient_norm=1.0)
    assert log_probs(policy, sequences) == log_probs(undisturbed, sequences) != frozen
    for one, two in zip(policy.model.parameters(), undisturbed.model.parameters(), strict=True):
        assert torch.equal(one, two)


def test_with_adapters_alone_it_is_the_base_and_keeps_the_adapters_alone(
    policy: Policy, sequences: list[TokenSequence]
) -> None:
    pytest.importorskip("peft", reason="peft is not installed")
    adapted = add_lora(policy.model, LoraConfig(rank=4), seed=0)
    reference = Reference.of(policy)
    assert all("lora" in name for name in reference._weights)
    train(policy, sequences, steps=2)
    with adapted.disable_adapter():
        base = log_probs(policy, sequences)
    assert (
        reference.log_probs(policy, sequences, temperature=0.7, max_tokens=100) == base != log_probs(policy, sequences)
    )


def test_a_failure_while_it_is_in_place_gives_the_policy_its_weights_back(
    policy: Policy, sequences: list[TokenSequence]
) -> None:
    reference = Reference.of(policy)
    train(policy, sequences, steps=1)
    before = log_probs(policy, sequences)
    with pytest.raises(IndexError):
        reference.log_probs(policy, [TokenSequence((10**6,), (1,))], temperature=0.7, max_tokens=100)
    assert log_probs(policy, sequences) == before


def test_a_resumed_run_finds_the_same_one(policy: Policy, sequences: list[TokenSequence], tmp_path: Path) -> None:
    folder = tmp_path / "reference"
    frozen = log_probs(policy, sequences)
    Reference.kept(policy, folder, step=0)
    Reference.kept(policy, folder, step=0)  # killed before the first checkpoint, and begun again
    train(policy, sequences, steps=2)
    again = Reference.kept(policy, folder, step=2)
    assert again.log_probs(policy, sequences, temperature=0.7, max_tokens=100) == frozen
    assert [path.name for path in tmp_path.iterdir()] == ["reference"]


def test_a_write_that_was_cut_short_is_not_taken_for_one(policy: Policy, tmp_path: Path) -> None:
    folder = tmp_path / "reference"
    Reference.kept(policy, folder, step=0)
    folder.rename(tmp_path / ".reference.new")  # as it is before the rename that completes it
    with pytest.raises(ValueError, match=r"weights\.safetensors is missing: .* cannot be known at step 3"):
        Reference.kept(policy, folder, step=3)


def test_the_reference_of_another_model_is_refused(policy: Policy, tmp_path: Path) -> None:
    folder = tmp_path / "reference"
    Reference.kept(policy, folder, step=0)
    policy.model.bfloat16()
    with pytest.raises(ValueError, match=r"is of another model: it has \(\[.*torch\.float32\).*torch\.bfloat16"):
        Reference.kept(policy, folder, step=1)
    policy.model.float()
    policy.model.model.norm.weight.requires_grad_(False)
    with pytest.raises(ValueError, match=r"for 'model\.norm\.weight', expected nothing"):
        Reference.kept(policy, folder, step=1)
