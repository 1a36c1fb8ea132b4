"""Prompts and responses that do not fit into what the engine takes at once: refused before there is a run."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from transformers import GPT2Config, Qwen3Config

from pgkern.data.problem import Problem
from pgkern.train.config import RolloutConfig, TrainConfig, VllmConfig
from pgkern.train.config_file import load_config
from pgkern.train.engines.prompt_room import check_room, engine_room
from pgkern.train.loop import train
from pgkern.train.model.policy_model import Policy

SMALL = ["data.num_digits=1", "data.num_train=30", "data.num_validation=4", "model.hidden_size=32"]
SERVER = ["engine=vllm-server", 'vllm.urls=["http://127.0.0.1:9"]']


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            ["rollouts.max_tokens=1024"],
            r"training problem \d+ \('.*'\) has a prompt of \d+ tokens, the longest: with rollouts\.max_tokens "
            r"\(1024\) more than the model's 1024 positions: lower rollouts\.max_tokens, raise model\.max_positions or",
        ),
        (["model.max_positions=50"], "more than the model's 50 positions"),
    ],
)
def test_no_run_begins_whose_responses_have_no_room(tmp_path: Path, settings: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        train(load_config(TrainConfig, None, [*SMALL, *SERVER, *settings]), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_more_than_the_models_positions_is_refused(tmp_path: Path) -> None:
    config = load_config(TrainConfig, None, [*SMALL, *SERVER, "vllm.max_model_len=6000"])
    with pytest.raises(ValueError, match="max_model_len is 6000, and the model has 1024 positions"):
        train(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_longest_prompt_decides(config: TrainConfig, policy: Policy, problems: list[Problem]) -> None:
    longer = replace(problems[0], question="What is 1 + 2? " + "And now? " * 40)
    given = {"training": problems[:3], "held-out": [problems[4], longer, problems[5]]}
    longest = len(policy.prompt(longer).token_ids)
    assert longest > 2 * max(len(policy.prompt(problem).token_ids) for problem in problems[:6])
    config = replace(config, rollouts=RolloutConfig(max_tokens=50))
    vllm = replace(config, engine="vllm", vllm=VllmConfig(max_model_len=longest + 50))
    check_room(vllm, policy, given)
    tight = replace(vllm, vllm=VllmConfig(max_model_len=longest + 49))
    message = (
        rf"held-out problem 1 \('What is 1 .*'\) has a prompt of {longest} tokens.*max_model_len \({longest + 49}\)"
    )
    with pytest.raises(ValueError, match=message):
        check_room(tight, policy, given)
    check_room(tight, policy, {"training": problems})
    at_most = replace(config, engine="vllm", vllm=VllmConfig(max_model_len=1024))
    check_room(replace(at_most, rollouts=RolloutConfig(max_tokens=1024 - longest)), policy, given)
    beyond = replace(at_most, rollouts=RolloutConfig(max_tokens=1025 - longest))
    with pytest.raises(ValueError, match="more than the model's 1024 positions"):
        check_room(beyond, policy, given)
    check_room(replace(beyond, engine="transformers"), policy, given)  # rotations go on


def test_only_long_texts_are_tokenised(config: TrainConfig, policy: Policy, problems: list[Problem]) -> None:
    def refuse(text: str) -> Any:
        raise AssertionError(f"tokenised: {text}")

    vllm = replace(config, engine="vllm")
    check_room(vllm, replace(policy, tokenizer=refuse), {"training": problems})  # type: ignore[arg-type]


def test_the_room_of_each_engine(config: TrainConfig, policy: Policy) -> None:
    def room(settings: TrainConfig, **model: Any) -> int | None:
        changed = Qwen3Config(**{**policy.model.config.to_dict(), **model})
        return engine_room(settings, replace(policy, model=SimpleNamespace(config=changed)))  # type: ignore[arg-type]

    server = replace(config, engine="vllm-server")
    own = replace(server, vllm=VllmConfig(urls=("http://h:1",)))
    assert room(server) == room(own) == 1024
    assert room(config) is None
    assert room(own, max_position_embeddings=9000) == 9000
    assert room(server, max_position_embeddings=9000) == 48 + 2048
    assert room(replace(server, vllm=VllmConfig(max_model_len=8000)), max_position_embeddings=9000) == 8000
    stretched = {"rope_type": "linear", "factor": 4.0, "rope_theta": 10000.0}
    assert room(own, rope_parameters=stretched) == 4096
    learned = SimpleNamespace(config=GPT2Config(n_positions=77))
    assert engine_room(config, replace(policy, model=learned)) == 77  # type: ignore[arg-type]
    without = SimpleNamespace(get_text_config=lambda: SimpleNamespace())
    assert engine_room(config, replace(policy, model=SimpleNamespace(config=without))) is None  # type: ignore[arg-type]
