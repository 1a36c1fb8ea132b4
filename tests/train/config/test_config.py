from typing import Any

import pytest

from pgkern.train.config import (
    AdvantageConfig,
    DataConfig,
    ModelConfig,
    ObjectiveConfig,
    OptimizerConfig,
    RolloutConfig,
    RunConfig,
    TrainConfig,
    WarmupConfig,
)
from pgkern.train.config_file import ConfigError, load_config, to_toml


@pytest.mark.parametrize(
    ("table", "settings", "message"),
    [
        (RunConfig, {"steps": -1}, "steps is -1, expected at least 0"),
        (RunConfig, {"evaluate_every": 0}, "evaluate_every is 0, expected at least 1"),
        (DataConfig, {"prompt": "r1"}, "prompt is 'r1', expected one of 'r1_zero', 'question_only'"),
        (DataConfig, {"task": "gsm8k"}, "task 'gsm8k' needs train_file"),
        (DataConfig, {"slip_rate": 1.5}, r"slip_rate is 1\.5, expected 0 to 1"),
        (DataConfig, {"num_digits": 0}, "num_digits is 0, expected 1 to 18"),
        (ModelConfig, {"hidden_size": 80}, r"hidden_size is 80, expected a multiple of head_dim \(32\)"),
        (ModelConfig, {"head_dim": 3}, "head_dim is 3, expected an even number"),
        (ModelConfig, {"vocabulary_size": 256}, "vocabulary_size is 256, expected at least 300"),
        (WarmupConfig, {"learning_rate": 0.0}, r"learning_rate is 0\.0, expected a finite number above 0"),
        (RolloutConfig, {"temperature": -1.0}, r"temperature is -1\.0, expected a finite number above 0"),
        (AdvantageConfig, {"baseline": "leave_one_out"}, "normalize_std goes with baseline"),
        (ObjectiveConfig, {"name": "reinforce", "clip_low": 0.1}, "surrogate 'plain' does not use clip_low=0.1"),
        (ObjectiveConfig, {"clip_low": -1.0}, "clip_low"),
        (DataConfig, {"train_file": "x.jsonl"}, "train_file is for the tasks 'file', 'gsm8k', 'math'"),
        (RolloutConfig, {"stop": ""}, "stop is empty"),
        (OptimizerConfig, {"weight_decay": -0.1}, r"weight_decay is -0\.1, expected"),
    ],
)
def test_an_impossible_setting_is_refused_with_its_value(table: Any, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        table(**settings)


def test_settings_that_contradict_one_another_across_tables() -> None:
    with pytest.raises(ConfigError, match="objective 'reinforce' is on-policy"):
        load_config(TrainConfig, None, ["objective.name=reinforce", "optimizer.updates_per_step=2"])
    with pytest.raises(ConfigError, match=r"needs rollouts\.samples_per_prompt of at least 2"):
        load_config(
            TrainConfig,
            None,
            ["advantages.baseline=leave_one_out", "advantages.normalize_std=false", "rollouts.samples_per_prompt=1"],
        )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["rollouts.engine=vllm"], r"unknown key 'rollouts\.engine'; did you mean 'engine'\?"),
        (["engine=vlm"], r"did you mean 'vllm'\?"),
        (["vllm.servers=2"], r"vllm\.servers belongs to engine 'vllm-server', and the engine is 'transformers'"),
        (["engine=vllm", 'vllm.urls=["http://h:1"]'], r"vllm\.urls belongs to engine 'vllm-server'"),
        (["engine=vllm-server", "vllm.sleep=true"], r"vllm\.sleep belongs to engine 'vllm'"),
        (["engine=vllm-server", 'vllm.urls=["http://h:1"]', "vllm.servers=2"], r"servers = 2 is none"),
        (["engine=vllm-server", 'vllm.urls=["h:1"]'], r"'h:1' among the urls is none of http://host:port, "),
        (["engine=vllm-server", 'vllm.urls=["unix:"]'], r"'unix:' among the urls is none of"),
        (["engine=vllm-server", 'vllm.urls=["http://"]'], r"'http:' among the urls is none of"),
        (["engine=vllm-server", 'vllm.urls=["http://a:notaport"]'], r"'http://a:notaport' among the urls: Port could"),
        (["engine=vllm-server", 'vllm.urls=["http://h:1", "http://h:1/"]'], r"urls is .*: a server counts once"),
        (["engine=vllm-server", 'vllm.urls=["http://h:1"]', "vllm.gpus=[1]"], r"gpus are for servers that are started"),
        (["engine=vllm-server", "vllm.servers=2", "vllm.gpus=[1, 1]"], r"gpus is \[1, 1\]: each server needs one"),
        (["engine=vllm-server", "vllm.gpus=[-1]"], r"gpus has -1, expected numbers from 0 on"),
        (["engine=vllm", "vllm.gpus=[1]"], r"vllm\.gpus belongs to engine 'vllm-server'"),
        (["engine=vllm-server", "vllm.gpus=[1, 2]"], r"gpus has 2 and servers is 1: expected as many"),
        (["engine=vllm-server", "vllm.weight_transfer=nccl"], r"needs gpus that are not the trainer's, or urls"),
        (["engine=vllm", "vllm.max_model_len=48"], r"leaves no room for a prompt beside rollouts\.max_tokens \(48\)"),
        (["engine=vllm", "rollouts.temperature=3.0"], r"temperature is 3\.0, but vLLM samples at 0\.01 to 2\.0"),
        (["rollouts.staleness=2"], "staleness is 2, expected 0 or 1"),
        (
            ["rollouts.staleness=1", "objective.name=reinforce"],
            r"on-policy \(eq\. 26\), so rollouts\.staleness must be 0",
        ),
        (["rollouts.staleness=1", "objective.correction=mask"], "nothing is left for objective.correction"),
        (["engine=vllm-server", "vllm.in_memory=true"], r"vllm\.in_memory belongs to engine 'vllm'"),
        (["rollouts.staleness=1", "engine=vllm", "vllm.in_memory=true"], "which rollouts.staleness 1 changes"),
        (["rollouts.staleness=1", "engine=vllm", "vllm.sleep=true"], "frees the GPU while the policy trains"),
        (["vllm.gpu_memory_share=1.5"], r"gpu_memory_share is 1\.5, expected above 0 and at most 1"),
        (["vllm.deadline_s=0"], r"deadline_s is 0\.0, expected a finite number above 0"),
    ],
)
def test_an_engine_that_cannot_be(settings: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_config(TrainConfig, None, settings)


def test_a_misspelled_key_is_told_its_neighbour() -> None:
    with pytest.raises(ConfigError, match=r"learning_rat.*did you mean.*learning_rate"):
        load_config(TrainConfig, None, ["optimizer.learning_rat=1e-3"])


def test_the_defaults_survive_a_file(tmp_path: Any) -> None:
    path = tmp_path / "config.toml"
    path.write_text(to_toml(TrainConfig()))
    assert load_config(TrainConfig, path) == TrainConfig()
