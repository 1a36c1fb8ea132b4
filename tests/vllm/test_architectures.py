"""Models that the real vLLM takes weights of in another way than most."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from pgkern.rollout.engine import Sampling
from pgkern.train.config import DataConfig, ModelConfig, TrainConfig, VllmConfig
from pgkern.train.engines.configured_engine import open_engine
from pgkern.train.model.micro_batches import TokenSequence
from pgkern.train.model.policy_model import Policy, new_policy
from pgkern.train.scoring.score import score
from pgkern.train.tasks import load_task

SHAPE = {
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "intermediate_size": 128,
    "max_position_embeddings": 512,
    "head_dim": 32,
    "bos_token_id": None,
    "pad_token_id": 0,
}


def policy_of(config: TrainConfig, **settings: Any) -> Policy:
    """A random one of another architecture, with the small policy's tokenizer."""
    policy = new_policy(config, load_task(config.data, config.run.seed).train)
    ends = policy.tokenizer.eos_token_id
    described = AutoConfig.for_model(**SHAPE, **settings, vocab_size=len(policy.tokenizer), eos_token_id=ends)
    torch.manual_seed(0)
    return replace(policy, model=AutoModelForCausalLM.from_config(described).eval())


@pytest.fixture
def config(vllm_python: Path) -> TrainConfig:
    return TrainConfig(
        engine="vllm",
        data=DataConfig(num_digits=2, num_train=30, num_validation=4),
        model=ModelConfig(hidden_size=64, num_layers=1, vocabulary_size=400),
        vllm=VllmConfig(python=str(vllm_python), kv_cache_mib=64),
    )


def test_a_gemma_2_whose_head_is_its_embeddings(config: TrainConfig, tmp_path: Path) -> None:
    policy = policy_of(config, model_type="gemma2", query_pre_attn_scalar=32, sliding_window=64)
    assert policy.model.config.tie_word_embeddings
    problems = load_task(config.data, config.run.seed).train
    generator, sampling = torch.Generator().manual_seed(0), Sampling(num_samples=2, max_tokens=10, seed=3)
    with ExitStack() as stack:
        engine = open_engine(config, policy, problems, tmp_path, stack)
        for version in range(3):
            with torch.no_grad():
                for parameter in policy.model.parameters():
                    parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
            engine.load_weights(policy.weights(), version)
            rollouts = list(engine.generate([policy.prompt(problem) for problem in problems[:4]], sampling))
            sequences = [TokenSequence.of(rollout) for rollout in rollouts]
            own = score(policy, sequences, temperature=1.0, max_tokens=400).log_probs
            for rollout, row in zip(rollouts, own, strict=True):
                assert rollout.log_probs == pytest.approx(row, abs=1e-5)


@pytest.mark.skipif(torch.cuda.is_available(), reason="vLLM's CPU build is what cannot do it")
def test_a_mixture_of_experts_is_refused_before_anything_starts(config: TrainConfig, tmp_path: Path) -> None:
    experts = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32}
    policy = policy_of(config, model_type="qwen3_moe", **experts)
    with ExitStack() as stack, pytest.raises(ValueError, match=r"a mixture of experts \(num_experts of qwen3_moe\)"):
        open_engine(config, policy, [], tmp_path, stack)
    assert not list(tmp_path.iterdir())
