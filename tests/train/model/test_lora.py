"""Adapters: what is trained, what engines get, what is saved; against the equation W + (alpha / rank) · B A."""

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import AutoModelForCausalLM

from pgkern.data.problem import Problem
from pgkern.policy.objective import PolicyObjective
from pgkern.rollout.engine import Sampling
from pgkern.rollout.transformers_engine import TransformersEngine
from pgkern.train.config import LoraConfig, ValueConfig
from pgkern.train.model.lora import add_lora, load_lora, merged_weights, save_lora
from pgkern.train.model.micro_batches import TokenSequence
from pgkern.train.model.policy_model import Policy
from pgkern.train.scoring.score import score
from pgkern.train.scoring.value_function import ValueFunction
from pgkern.train.updating.gradients import accumulate_gradients
from pgkern.train.updating.optimizer import guarded_step, new_optimizer

pytest.importorskip("peft", reason="peft is not installed")
SETTINGS = LoraConfig(rank=4, alpha=8.0)


@pytest.fixture
def sequences(policy: Policy, problems: list[Problem]) -> list[TokenSequence]:
    return [TokenSequence(policy.prompt(p).token_ids, policy.solution_ids(p)) for p in problems[:4]]


def per_token(sequences: list[TokenSequence]) -> list[list[float]]:
    return [[a] * len(s.response_ids) for a, s in zip([1.0, -0.5, 0.7, 2.0], sequences, strict=True)]


def train(policy: Policy, sequences: list[TokenSequence], steps: int = 2) -> None:
    optimizer, advantages = new_optimizer(policy, learning_rate=0.02), per_token(sequences)
    for _ in range(steps):
        accumulate_gradients(policy, sequences, advantages, objective=PolicyObjective.reinforce(), max_tokens=100)
        guarded_step(optimizer, learning_rate=0.02, max_gradient_norm=1.0)


def weights(policy: Policy) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in policy.model.state_dict().items()}


def test_adapters_alone_are_trained_and_the_policy_starts_as_its_base(
    policy: Policy, sequences: list[TokenSequence]
) -> None:
    arguments: dict[str, Any] = {"temperature": 1.0, "max_tokens": 100}
    base = score(policy, sequences, **arguments)
    names = set(policy.model.state_dict())
    adapted = add_lora(policy.model, SETTINGS, seed=0)
    assert adapted.get_base_model() is policy.model
    assert not policy.model.training
    assert score(policy, sequences, **arguments) == base
    trained = {name for name, tensor in policy.model.named_parameters() if tensor.requires_grad}
    assert trained == {name for name in policy.model.state_dict() if "lora" in name}
    layers = {name.split(".lora_")[0].rpartition(".")[2] for name in trained}
    assert layers == {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}  # and no lm_head
    assert len(trained) == 2 * 7 * 2  # A and B, of 7 layers in each of 2 blocks

    before = weights(policy)
    train(policy, sequences)
    after = weights(policy)
    assert {name for name in before if not torch.equal(before[name], after[name])} == trained
    assert dict(merged_weights(policy.model)).keys() == names
    assert score(policy, sequences, **arguments) != base


def test_the_seed_decides_the_adapters_and_the_generator_is_left_alone(policy: Policy) -> None:
    def first(seed: int) -> dict[str, Tensor]:
        model = copy.deepcopy(policy.model)
        add_lora(model, SETTINGS, seed)
        return {name: tensor for name, tensor in model.state_dict().items() if "lora_A" in name}

    state = torch.get_rng_state()
    one, again, other = first(0), first(0), first(1)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert not any(torch.equal(one[name], other[name]) for name in one)


def test_merged_weights_are_the_equation_and_leave_the_training_weights_alone(
    policy: Policy, sequences: list[TokenSequence]
) -> None:
    add_lora(policy.model, SETTINGS, seed=0)
    train(policy, sequences)
    before = weights(policy)
    merged = dict(merged_weights(policy.model))
    assert all(torch.equal(tensor, before[name]) for name, tensor in policy.model.state_dict().items())
    layer = "model.layers.1.mlp.down_proj"
    W = before[f"{layer}.base_layer.weight"]
    A, B = before[f"{layer}.lora_A.default.weight"], before[f"{layer}.lora_B.default.weight"]
    assert B.abs().max() > 0
    torch.testing.assert_close(merged[f"{layer}.weight"], W + (8.0 / 4.0) * (B @ A), rtol=1e-6, atol=1e-7)
    norm = policy.model.state_dict()["model.norm.weight"]
    assert merged["model.norm.weight"].data_ptr() == norm.data_ptr()


@pytest.mark.parametrize("targets", [("all-linear",), ("q_proj", "up_proj")])
def test_an_engine_with_the_merged_weights_samples_from_the_trained_policy(
    policy: Policy, problems: list[Problem], sequences: list[TokenSequence], targets: tuple[str, ...]
) -> None:
    engine = TransformersEngine(copy.deepcopy(policy.model), policy.tokenizer)
    add_lora(policy.model, replace(SETTINGS, target_modules=targets), seed=0)
    train(policy, sequences)
    engine.load_weights(merged_weights(policy.model), version=1)
    sampling = Sampling(num_samples=2, max_tokens=12, seed=1)
    prompts = [policy.prompt(problem) for problem in problems[:3]]
    rollouts = list(engine.generate(prompts, sampling))
    found = score(policy, [TokenSequence.of(rollout) for rollout in rollouts], temperature=1.0, max_tokens=100)
    for rollout, log_probs in zip(rollouts, found.log_probs, strict=True):
        assert rollout.weights_version == 1
        assert log_probs == pytest.approx(rollout.log_probs, abs=1e-5)
    # The very module that is trained samples the same, with its adapters in it.
    own = TransformersEngine(policy.model, policy.tokenizer)
    own.load_weights(policy.model.state_dict().items(), version=1)
    for one, two in zip(rollouts, own.generate(prompts, sampling), strict=True):
        assert one.response_ids == two.response_ids
        assert one.log_probs == pytest.approx(two.log_probs, abs=1e-5)


def test_an_output_layer_with_adapters_is_trained_and_scored_with_them(
    policy: Policy, sequences: list[TokenSequence]
) -> None:
    settings = copy.deepcopy(policy.model.config)
    settings.tie_word_embeddings = False
    model = type(policy.model)(settings)
    model.load_state_dict(policy.model.state_dict())
    untied = replace(policy, model=model.eval())
    add_lora(untied.model, replace(SETTINGS, target_modules=("lm_head",)), seed=0)
    train(untied, sequences)
    B = untied.model.state_dict()["lm_head.lora_B.default.weight"]
    assert B.abs().max() > 0
    found = score(untied, sequences, temperature=1.0, max_tokens=100).log_probs
    for sequence, row in zip(sequences, found, strict=True):
        ids = torch.tensor([[*sequence.prompt_ids, *sequence.response_ids]])
        first = len(sequence.prompt_ids)
        log_p = untied.model(ids).logits[0, first - 1 : -1].log_softmax(-1)
        assert row == pytest.approx(log_p.gather(1, ids[0, first:, None])[:, 0].tolist(), abs=2e-5)


def test_of_a_plain_model_the_merged_weights_are_its_own(policy: Policy) -> None:
    own = policy.model.state_dict()
    merged = dict(merged_weights(policy.model))
    assert merged.keys() == own.keys()
    assert all(merged[name].data_ptr() == own[name].data_ptr() for name in own)


def test_a_base_in_bf16_has_adapters_in_fp32_and_merges_into_bf16(
    policy: Policy, sequences: list[TokenSequence]
) -> None:
    policy.model.bfloat16()
    add_lora(policy.model, SETTINGS, seed=0)
    train(policy, sequences)
    assert {tensor.dtype for tensor in policy.model.parameters() if tensor.requires_grad} == {torch.float32}
    assert {tensor.dtype for _, tensor in merged_weights(policy.model)} == {torch.bfloat16}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_saved_adapters_are_read_back_bit_for_bit_by_us_and_by_transformers(
    policy: Policy, sequences: list[TokenSequence], tmp_path: Path, dtype: torch.dtype
) -> None:
    policy.model.to(dtype)
    policy.model.save_pretrained(tmp_path / "base")
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "base")
    policy = replace(policy, model=model)
    adapted = add_lora(model, SETTINGS, seed=0)
    train(policy, sequences)
    (tmp_path / "adapters").mkdir()
    save_lora(adapted, tmp_path / "adapters")

    base = AutoModelForCausalLM.from_pretrained(tmp_path / "base")
    again = load_lora(base, tmp_path / "adapters").get_base_model()
    assert again is base
    own, found = model.state_dict(), base.state_dict()
    assert own.keys() == found.keys()
    assert all(torch.equal(own[name], found[name]) for name in own)
    assert [tensor.requires_grad for tensor in base.parameters()] == [t.requires_grad for t in model.parameters()]
    assert not base.training

    # The folder names its base, so that a user needs nothing else. (In bf16 transformers rounds the adapters.)
    ids = torch.tensor([[1, 5, 9]])
    by_name = AutoModelForCausalLM.from_pretrained(tmp_path / "adapters")
    exact = {"rtol": 0.0, "atol": 0.0} if dtype == torch.float32 else {"rtol": 0.05, "atol": 0.1}
    torch.testing.assert_close(by_name(ids).logits, model(ids).logits, **exact)


def test_a_folder_without_adapters_is_refused(policy: Policy, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"holds no adapters: there is no adapter_config\.json in it"):
        load_lora(policy.model, tmp_path)


def test_targets_that_cannot_be_are_refused(policy: Policy) -> None:
    with pytest.raises(
        ValueError, match=r"no layer of the model is named 'query'; its linear layers are \['down_proj'"
    ):
        add_lora(policy.model, replace(SETTINGS, target_modules=("q_proj", "query")), seed=0)
    for tied in ("lm_head", "embed_tokens"):
        with pytest.raises(ValueError, match=f"'{tied}' is the embedding and the output layer in one tensor"):
            add_lora(policy.model, replace(SETTINGS, target_modules=(tied,)), seed=0)
    with pytest.raises(ValueError, match=r"lora\.rank is not set"):
        add_lora(policy.model, LoraConfig(), seed=0)
    assert all(parameter.requires_grad for parameter in policy.model.parameters())


def test_a_value_network_is_a_copy_without_the_adapters(policy: Policy, sequences: list[TokenSequence]) -> None:
    plain = copy.deepcopy(policy.model.base_model)
    add_lora(policy.model, SETTINGS, seed=0)
    value = ValueFunction.new(policy, ValueConfig(kind="network"), seed=0)
    assert value._own is not None
    own = value._own.model
    assert own.state_dict().keys() == plain.state_dict().keys()
    assert all(torch.equal(tensor, plain.state_dict()[name]) for name, tensor in own.state_dict().items())
    assert all(parameter.requires_grad for parameter in own.parameters())
    arguments: dict[str, Any] = {"clip": None, "max_tokens": 100, "max_gradient_norm": 1.0}
    ones = [[1.0] * len(sequence.response_ids) for sequence in sequences]
    assert value.update(policy, sequences, ones, ones, **arguments)["value_loss"] == 0.5
