import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, CohereConfig, Gemma2Config, GraniteConfig
from transformers.utils import logging

from pgkern.data.problem import Problem
from pgkern.train.config import LoraConfig, TrainConfig
from pgkern.train.model.micro_batches import TokenSequence, micro_batches
from pgkern.train.model.policy_model import Policy, load_policy, new_policy
from pgkern.train.saving.checkpoint import Saved, load_optimizer, load_state, write_checkpoint
from pgkern.train.scoring.score import score
from pgkern.train.state import TrainerState
from pgkern.train.updating.optimizer import new_optimizer


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


@pytest.mark.parametrize("shown", [True, False])
def test_saving_draws_nothing_over_the_runs_progress(
    policy: Policy, tmp_path: Path, capfd: pytest.CaptureFixture[str], shown: bool
) -> None:
    was_shown = logging.is_progress_bar_enabled()
    try:
        logging.enable_progress_bar() if shown else logging.disable_progress_bar()
        policy.save(tmp_path)
        assert capfd.readouterr() == ("", "")
        assert logging.is_progress_bar_enabled() == shown  # whatever the caller had asked for
    finally:
        logging.enable_progress_bar() if was_shown else logging.disable_progress_bar()


def test_a_folder_without_a_model_is_refused(config: TrainConfig, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"holds no model: there is no config\.json in it"):
        load_policy(tmp_path, config)


def test_the_base_of_adapters_is_found_again(policy: Policy, config: TrainConfig, tmp_path: Path) -> None:
    """Behind a link that leads elsewhere by the time they are saved, and where it has been moved to."""
    pytest.importorskip("peft", reason="peft is not installed")
    first, link, adapters = tmp_path / "step-1", tmp_path / "checkpoint", tmp_path / "adapters"
    policy.save(first)
    link.symlink_to(first.name)
    base = replace(config, model=replace(config.model, path=str(link)), lora=LoraConfig(rank=2))
    adapted = new_policy(base, [])
    (tmp_path / "step-2").mkdir()
    link.unlink()
    link.symlink_to("step-2")
    adapters.mkdir()
    adapted.save(adapters)
    assert json.loads((adapters / "adapter_config.json").read_text())["base_model_name_or_path"] == str(first)
    assert load_policy(adapters, base).adapters is not None

    moved = tmp_path / "moved"
    first.rename(moved)
    with pytest.raises(ValueError, match=r"not at .*step-1 any more: .*; set model\.path to where it is now"):
        load_policy(adapters, base)
    again = load_policy(adapters, replace(base, model=replace(base.model, path=str(moved))))
    expected = adapted.model.state_dict()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in again.model.state_dict().items())


_SIZES: dict[str, Any] = {
    "vocab_size": 60,
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 8,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "initializer_range": 0.5,
}


@pytest.mark.parametrize(
    "model_config",
    [
        Gemma2Config(**_SIZES, final_logit_softcapping=0.5),
        CohereConfig(**_SIZES, logit_scale=0.25),
        GraniteConfig(**_SIZES, logits_scaling=4.0),
    ],
    ids=lambda config: str(config.model_type),
)
def test_what_a_model_does_to_its_logits_is_done_here_too(policy: Policy, model_config: Any) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(model_config).eval()
    (sequence,) = sequences = [TokenSequence((5, 9, 12), (7, 30, 44, 2))]
    ids = torch.tensor([[*sequence.prompt_ids, *sequence.response_ids]])
    expected_TV = (model(ids).logits[0, 2:-1].float() / 0.7).log_softmax(-1)
    expected = expected_TV.gather(-1, ids[0, 3:, None])[:, 0].tolist()
    scores = score(replace(policy, model=model), sequences, temperature=0.7, max_tokens=100)
    assert scores.log_probs[0] == pytest.approx(expected, abs=1e-5)
    entropy = -(expected_TV.exp() * expected_TV).sum(-1)
    assert scores.entropies[0] == pytest.approx(entropy.tolist(), abs=1e-5)
