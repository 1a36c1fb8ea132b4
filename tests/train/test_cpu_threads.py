from collections.abc import Iterator

import pytest
import torch

from pgkern.train.config import ModelConfig, RunConfig, TrainConfig
from pgkern.train.cpu_threads import set_cpu_threads


@pytest.fixture(autouse=True)
def three_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (TrainConfig(), 1),
        (TrainConfig(run=RunConfig(cpu_threads=2)), 2),
        (TrainConfig(model=ModelConfig(path="some-model")), 3),
        (TrainConfig(run=RunConfig(cpu_threads=5), model=ModelConfig(path="some-model")), 5),
    ],
)
def test_the_small_model_has_one_thread_and_a_given_model_torchs(config: TrainConfig, expected: int) -> None:
    set_cpu_threads(config)
    assert torch.get_num_threads() == expected
