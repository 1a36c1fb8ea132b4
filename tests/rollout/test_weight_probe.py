"""The probe with two models: the trainer's, and the one that an engine samples from."""

import copy
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from transformers import PreTrainedModel

from pgkern.rollout.engine import EngineFailedError, Prompt, Rollout, Sampling
from pgkern.rollout.transformers_engine import TransformersEngine
from pgkern.rollout.weight_probe import WeightProbe
from pgkern.train.config import ModelConfig
from pgkern.train.model.small_model import build_model, build_tokenizer

TEXTS = ["What is 12 + 34? <think> 2+4=6, 1+3=4 </think> <answer> 46 </answer>", "Say it again, please: 7 + 8?"]


class Pair:
    """A trainer and its engine, which need not have the same weights."""

    def __init__(self, *, tolerance: float, dtype: torch.dtype = torch.float32, num_prompts: int = 3) -> None:
        tokenizer = build_tokenizer(TEXTS, 300)
        torch.manual_seed(0)
        self.trainers: PreTrainedModel = build_model(ModelConfig(hidden_size=32, num_layers=2, head_dim=16), tokenizer)
        with torch.no_grad():
            for parameter in self.trainers.parameters():
                parameter.mul_(3.0) if parameter.dim() == 2 else None
        self.trainers = self.trainers.to(dtype)
        self.engines = copy.deepcopy(self.trainers)
        self._engine = TransformersEngine(self.engines, tokenizer, batch_size=4)
        texts = ["What is 12 + 34?", "Say it again, please", "7 + 8"][:num_prompts]
        prompts = [Prompt(text, tuple(tokenizer(text).input_ids)) for text in texts]
        self.probe = WeightProbe(prompts, Sampling(max_tokens=6, stop=None, seed=1), self.own, tolerance=tolerance)
        self.scorings = 0

    def own(self, rollouts: list[Rollout]) -> list[list[float]]:
        self.scorings += 1
        rows = []
        for rollout in rollouts:
            ids = torch.tensor([[*rollout.prompt.token_ids, *rollout.response_ids]])
            with torch.no_grad():
                log_p = self.trainers(ids).logits[0].float().log_softmax(-1)
            start = len(rollout.prompt.token_ids) - 1
            rows.append([float(log_p[start + at, token]) for at, token in enumerate(rollout.response_ids)])
        return rows

    def update(self, size: float, *, pushed: bool) -> None:
        """Of the trainer's weights, and of the engine's if they get there."""
        generator = torch.Generator().manual_seed(2)
        with torch.no_grad():
            for parameter in self.trainers.parameters():
                parameter.add_(size * torch.randn(parameter.shape, generator=generator).to(parameter.dtype))
        if pushed:
            self.engines.load_state_dict(self.trainers.state_dict())
        self.probe.renew()

    def generate(self) -> Iterator[Rollout]:
        return self._engine.generate(self.probe.prompts, self.probe.sampling)

    def check(self) -> None:
        self.probe.check(list(self.generate()))


def test_an_engine_with_the_trainers_weights_passes_after_every_push() -> None:
    pair = Pair(tolerance=1e-4)
    pair.check()
    for size in (0.0, 1e-6, 1e-4, 1e-2, 0.3):
        pair.update(size, pushed=True)
        pair.check()
        pair.check()  # another replica, or one that was rebuilt
        assert pair.probe.mismatch is not None
        assert 0.0 < pair.probe.mismatch < 1e-5
    assert pair.scorings == 1 + 2 * 5


def test_updates_that_rounding_hides_add_up_until_old_weights_are_found() -> None:
    pair = Pair(tolerance=0.1)
    pair.check()
    for _ in range(3):
        pair.update(1e-7, pushed=False)
        pair.check()  # too little to be seen

    def until_it_is() -> None:
        for _ in range(10):
            pair.update(1e-7, pushed=False)
            pair.check()

    with pytest.raises(EngineFailedError, match="it has kept its old weights"):
        until_it_is()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("size", [1e-7, 1e-5])
def test_small_updates_that_arrive_are_never_taken_for_old_weights(dtype: torch.dtype, size: float) -> None:
    pair = Pair(tolerance=0.1, dtype=dtype)
    pair.check()
    for _ in range(20):
        pair.update(size, pushed=True)
        pair.check()


def test_the_mismatch_is_that_of_the_furthest_engine_with_the_last_weights() -> None:
    pair = Pair(tolerance=0.5)
    assert pair.probe.mismatch is None
    pair.check()
    answered = list(pair.generate())
    further = [replace(rollout, log_probs=tuple(p - 0.25 for p in rollout.log_probs)) for rollout in answered]
    pair.probe.check(further)
    pair.probe.check(answered)
    assert pair.probe.mismatch == pytest.approx(0.25, abs=1e-4)
    pair.update(1e-3, pushed=True)
    assert pair.probe.mismatch is None


@pytest.mark.parametrize("size", [1e-4, 1e-3])
def test_old_weights_are_found_though_they_differ_by_less_than_the_tolerance(size: float) -> None:
    pair = Pair(tolerance=0.1)
    pair.check()
    pair.update(size, pushed=False)
    with pytest.raises(EngineFailedError, match="it has kept its old weights") as caught:
        pair.check()
    (moved,) = re.findall(r"have changed by (\S+) nats", str(caught.value))
    assert 1e-5 < float(moved) < 0.1
    pair.engines.load_state_dict(pair.trainers.state_dict())  # it is built anew
    pair.check()


def test_one_replica_of_two_with_old_weights_is_found_too() -> None:
    pair = Pair(tolerance=0.1)
    pair.check()
    old = copy.deepcopy(pair.engines.state_dict())
    pair.update(1e-3, pushed=True)
    pair.check()
    pair.engines.load_state_dict(old)
    with pytest.raises(EngineFailedError, match="it has kept its old weights"):
        pair.check()


def test_weights_that_differ_by_more_are_found_at_once() -> None:
    pair = Pair(tolerance=1e-4)
    pair.update(1e-2, pushed=False)
    with pytest.raises(EngineFailedError, match=r"of 18 tokens are \S+ nats from the trainer's"):
        pair.check()


def test_half_precision_rounds_and_still_moves() -> None:
    pair = Pair(tolerance=0.1, dtype=torch.bfloat16)
    pair.check()
    for size in (0.0, 1e-5, 1e-3, 1e-2):
        pair.update(size, pushed=True)
        pair.check()
    pair.update(3e-3, pushed=False)
    with pytest.raises(EngineFailedError):
        pair.check()


def test_a_few_tokens_tell_nothing_about_moving() -> None:
    pair = Pair(tolerance=0.1, num_prompts=1)
    pair.check()
    pair.update(1e-3, pushed=False)
    pair.check()
