"""What an engine with a model of its own is given, and how its interpreter is found; the engines run in tests/vllm."""

import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from pgkern.data.problem import Problem
from pgkern.rollout.engine import Sampling
from pgkern.rollout.supervised_engine import SupervisedEngine
from pgkern.rollout.transformers_engine import TransformersEngine
from pgkern.rollout.weight_folder import kinds_of
from pgkern.train.config import LoraConfig, TrainConfig, VllmConfig
from pgkern.train.config_file import load_config
from pgkern.train.engines.configured_engine import expected_weights, interpreter, open_engine
from pgkern.train.engines.engine_probe import engine_probe
from pgkern.train.files.storage_error import StorageError
from pgkern.train.loop import train
from pgkern.train.model.lora import add_lora
from pgkern.train.model.policy_model import Policy

from ..files.test_storage_error import tmpfs


@pytest.fixture
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder, with no interpreter in it or in the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PGKERN_VLLM_PYTHON", raising=False)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    return tmp_path


def test_the_interpreter_with_vllm_is_looked_for_in_this_order(somewhere: Path, monkeypatch: Any) -> None:
    places = [somewhere / "named", somewhere / "environment", somewhere / ".venv-vllm" / "bin" / "python"]
    for place in places:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
    assert interpreter(None) == str(places[2])
    monkeypatch.setenv("PGKERN_VLLM_PYTHON", str(places[1]))
    assert interpreter(None) == str(places[1])
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)
    assert interpreter(None) == sys.executable
    assert interpreter(str(places[0])) == str(places[0])


@pytest.mark.parametrize(
    ("named", "message"),
    [(None, "vLLM is not installed: .*make vllm-cpu"), ("nowhere", "is nowhere, where nothing is")],
)
def test_without_vllm_there_is_no_run(somewhere: Path, named: str | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        train(TrainConfig(engine="vllm", vllm=VllmConfig(python=named)), somewhere / "run")
    assert not (somewhere / "run").exists()


def test_an_interpreter_without_vllm_is_refused_before_the_run(somewhere: Path) -> None:
    (somewhere / "python").write_text("#!/bin/sh\necho there is none >&2\nexit 1\n")
    (somewhere / "python").chmod(0o755)
    config = TrainConfig(engine="vllm-server", vllm=VllmConfig(python=str(somewhere / "python")))
    with pytest.raises(ValueError, match="there is none"):
        train(config, somewhere / "run")
    assert not (somewhere / "run").exists()


def test_an_interpreter_that_the_environment_names_wrongly_is_refused(somewhere: Path, monkeypatch: Any) -> None:
    (somewhere / ".venv-vllm" / "bin").mkdir(parents=True)
    (somewhere / ".venv-vllm" / "bin" / "python").touch()
    monkeypatch.setenv("PGKERN_VLLM_PYTHON", "nowhere")
    with pytest.raises(ValueError, match="PGKERN_VLLM_PYTHON is nowhere, where nothing is"):
        train(TrainConfig(engine="vllm"), somewhere / "run")
    assert not (somewhere / "run").exists()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["engine=vllm", "vllm.sleep=true"], "vllm.sleep = true needs a GPU, and torch finds none here"),
        (["engine=vllm", "vllm.in_memory=true"], "vllm.in_memory = true needs a GPU"),
        (["engine=vllm-server", "vllm.gpus=[1]"], "vllm.gpus needs a GPU"),
        (
            ["engine=vllm-server", 'vllm.urls=["http://h:1"]', "vllm.weight_transfer=nccl"],
            "vllm.weight_transfer = 'nccl' needs a GPU",
        ),
    ],
)
def test_what_needs_a_gpu_is_refused_before_the_run(tmp_path: Path, settings: list[str], message: str) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    with pytest.raises(ValueError, match=message):
        train(load_config(TrainConfig, None, settings), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("adapters", [False, True])
def test_the_weights_are_those_of_the_bare_architecture(policy: Policy, adapters: bool) -> None:
    expected = expected_weights(policy)
    assert "lm_head.weight" in expected  # tied to the embedding, and named all the same
    if adapters:
        policy = replace(policy, adapters=add_lora(policy.model, LoraConfig(rank=4), seed=0))
        assert expected == expected_weights(policy)
    assert kinds_of(policy.weights()) == expected


def test_weights_in_half_precision_are_expected_in_it(policy: Policy) -> None:
    policy.model.to(dtype=torch.bfloat16)
    assert {kind.dtype for kind in expected_weights(policy).values()} == {torch.bfloat16}
    assert kinds_of(policy.weights()) == expected_weights(policy)


def test_an_engine_is_given_a_model_without_weights(
    config: TrainConfig, policy: Policy, problems: list[Problem], tmp_path: Path
) -> None:
    vllm = replace(config, engine="vllm-server", vllm=VllmConfig(urls=("http://127.0.0.1:9",)))
    with ExitStack() as stack:
        engine = open_engine(vllm, policy, problems, tmp_path / "engine", stack)
        assert isinstance(engine, SupervisedEngine)
        folder = tmp_path / "engine" / "model"
        found = AutoConfig.from_pretrained(folder)
        assert (found.architectures, found.dtype) == (["Qwen3ForCausalLM"], torch.float32)
        same = AutoModelForCausalLM.from_config(found)
        assert kinds_of(same.state_dict().items()) == expected_weights(policy)
        text = policy.prompt(problems[0]).text
        assert tuple(AutoTokenizer.from_pretrained(folder)(text).input_ids) == policy.prompt(problems[0]).token_ids
        assert list(folder.glob("*.safetensors")) == []


def test_a_full_disk_is_told_before_an_engine_sees_anything(tmp_path: Path) -> None:
    settings = ["engine=vllm-server", 'vllm.urls=["http://127.0.0.1:9"]', "data.num_train=30", "data.num_validation=4"]
    config = load_config(TrainConfig, None, settings)
    with tmpfs(tmp_path / "disk", "400k") as disk:  # the tokenizer fits, the weights do not
        message = "the engine's weights could not be written to .*/engine/weights: No space left on device .*MB free"
        with pytest.raises(StorageError, match=message) as caught:
            train(config, disk / "run")
        assert "\n" not in str(caught.value)


def test_the_probe_knows_the_policys_log_probs_at_the_runs_temperature(
    config: TrainConfig, policy: Policy, problems: list[Problem]
) -> None:
    config = load_config(TrainConfig, None, ["rollouts.temperature=0.7", "vllm.probe_prompts=3"])
    probe = engine_probe(policy, config, problems)
    assert (len(probe.prompts), probe.sampling.temperature, probe.sampling.max_tokens) == (3, 0.7, 8)
    engine = TransformersEngine(policy.model, policy.tokenizer)
    rollouts = list(engine.generate(probe.prompts, probe.sampling))
    probe.check(rollouts)
    with torch.no_grad():
        policy.head.weight[5] += 0.05
    probe.check(rollouts)  # what was known when the weights were pushed counts
    probe.renew()
    with pytest.raises(RuntimeError, match="does not sample from the weights it was given"):
        probe.check(rollouts)
    other_temperature = engine.generate(probe.prompts, Sampling(max_tokens=8, seed=probe.sampling.seed, stop=None))
    with pytest.raises(RuntimeError, match="does not sample from the weights it was given"):
        probe.check(list(other_temperature))
