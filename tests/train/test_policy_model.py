from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from pgkern.data.problem import Problem
from pgkern.train.checkpoint import Saved, load_optimizer, load_state, write_checkpoint
from pgkern.train.config import TrainConfig
from pgkern.train.micro_batches import TokenSequence, micro_batches
from pgkern.train.optimizer import new_optimizer
from pgkern.train.policy_model import Policy, load_policy, new_policy
from pgkern.train.state import TrainerState


def test_sequences_of_a_packed_row_do_not_see_one_another(policy: Policy, problems: list[Problem]) -> None:
    sequences = [TokenSequence(policy.prompt(p).token_ids, policy.solution_ids(p)) for p in problems[:3]]
    (row,) = micro_batches(sequences, 10_000, policy.device)
    packed_TD = policy.hidden(row)
    for index, sequence in enumerate(sequences):
        (alone,) = micro_batches([sequence], 10_000, policy.device)
        torch.testing.assert_close(packed_TD[row.sequence_ids_T == index], policy.hidden(alone), rtol=1e-4, atol=1e-5)


def test_the_seed_decides_the_first_weights(config: TrainConfig, problems: list[Problem]) -> None:
    def head(config: TrainConfig) -> torch.Tensor:
        return new_policy(config, problems).head.weight

    other = replace(config, run=replace(config.run, seed=1))
    assert torch.equal(head(config), head(config))
    assert not torch.equal(head(config), head(other))


def test_a_checkpoint_is_what_transformers_loads_and_what_goes_on(
    config: TrainConfig, policy: Policy, problems: list[Problem], tmp_path: Path
) -> None:
    optimizer = new_optimizer(policy, learning_rate=0.1)
    for parameter in policy.model.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    state = TrainerState("policy_gradient", 7, reward_before=0.25)
    (tmp_path / "checkpoint").mkdir()
    write_checkpoint(tmp_path / "checkpoint", Saved(policy, optimizer, state, config=""))

    model = AutoModelForCausalLM.from_pretrained(tmp_path / "checkpoint")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "checkpoint")
    text = policy.prompt(problems[0]).text + (problems[0].solution or "")
    ids = tokenizer(text, return_tensors="pt").input_ids
    assert ids[0].tolist() == policy.tokenizer(text).input_ids
    assert torch.equal(model(ids).logits, policy.model.eval()(ids).logits)

    again = load_policy(tmp_path / "checkpoint", config)
    moments = new_optimizer(again, learning_rate=0.1)
    load_optimizer(tmp_path / "checkpoint", moments)
    assert load_state(tmp_path / "checkpoint") == state
    for one, two in zip(optimizer.state.values(), moments.state.values(), strict=True):
        assert torch.equal(one["exp_avg"], two["exp_avg"])
        assert torch.equal(one["step"], two["step"])


def test_a_folder_without_a_model_is_refused(config: TrainConfig, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"holds no model: there is no config\.json in it"):
        load_policy(tmp_path, config)


def test_a_model_that_caps_its_logits_is_refused_not_trained_wrongly(policy: Policy) -> None:
    policy.model.config.final_logit_softcapping = 30.0
    with pytest.raises(ValueError, match="final_logit_softcapping"):
        Policy(policy.model, policy.tokenizer, policy.template)
