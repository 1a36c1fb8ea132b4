from dataclasses import replace

import pytest

from pgkern.train.config import RewardConfig, TrainConfig
from pgkern.train.config_file import ConfigError, load_config
from pgkern.train.config_file.changed_settings import changed_settings


def config(*overrides: str) -> TrainConfig:
    return load_config(TrainConfig, None, overrides)


def test_nothing_is_told_of_the_same_settings() -> None:
    assert changed_settings(config(), config()) == []


def test_what_breaks_exactness_is_told() -> None:
    changed = config("optimizer.learning_rate=1e-4", "rollouts.stop=none", "run.steps=100")
    assert changed_settings(config(), changed) == [
        "run.steps 60 -> 100",
        "rollouts.stop </answer> -> None",
        "optimizer.learning_rate 0.0003 -> 0.0001",
    ]


def test_what_changes_no_number_is_not() -> None:
    changed = config("run.folder=elsewhere", "run.checkpoint_every=2", "watch.tensorboard=true")
    assert changed_settings(config(), changed) == []


def test_of_an_engine_only_what_changes_its_last_bits_is() -> None:
    changed = config("vllm.deadline_s=60.0", "vllm.kv_cache_mib=512", "vllm.cpu_threads=2")
    assert changed_settings(config(), changed) == ["vllm.cpu_threads 1 -> 2"]


def test_a_changed_reward_is_told_by_its_place() -> None:
    reward = RewardConfig()
    one, heavier = TrainConfig(rewards=(reward,)), TrainConfig(rewards=(replace(reward, weight=2.0),))
    assert changed_settings(one, heavier) == ["rewards[0].weight 1.0 -> 2.0"]
    assert changed_settings(one, TrainConfig(rewards=(reward, reward))) == ["rewards 1 of them -> 2 of them"]


@pytest.mark.parametrize("override", ["model.num_layers=3", "lora.rank=4", "value.kind=network"])
def test_what_the_checkpoint_is_made_of_cannot_change(override: str) -> None:
    key, _, value = override.partition("=")
    with pytest.raises(ConfigError, match=rf"{key} cannot change in a run that goes on \(.* -> {value}\)"):
        changed_settings(config("model.path=base"), config("model.path=base", override))


def test_a_model_folder_may_have_moved() -> None:
    assert changed_settings(config("model.path=a"), config("model.path=b")) == ["model.path a -> b"]
