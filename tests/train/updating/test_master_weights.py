"""Steps of half-precision weights, in fp32, against an AdamW that never rounds."""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import Parameter
from torch.optim import AdamW

from pgkern.train.updating.master_weights import MasterAdamW
from pgkern.train.updating.optimizer import adamw, guarded_step

STEP: dict[str, Any] = {"learning_rate": 1e-5, "max_gradient_norm": 1.0}


def weights(seed: int = 0) -> list[Parameter]:
    noise = torch.Generator().manual_seed(seed)
    half = Parameter(torch.randn(40, 3, generator=noise).bfloat16())
    return [half, Parameter(torch.randn(5, generator=noise))]


def take_steps(parameters: list[Parameter], optimizer: Any, seeds: range) -> list[float]:
    norms = []
    for seed in seeds:
        noise = torch.Generator().manual_seed(100 + seed)
        for parameter in parameters:
            parameter.grad = torch.randn(parameter.shape, generator=noise).to(parameter.dtype)
        norms.append(guarded_step(optimizer, **STEP))
    return norms


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_small_steps_add_up_as_in_fp32(dtype: torch.dtype) -> None:
    parameters = [Parameter(parameter.detach().to(dtype)) for parameter in weights()]
    exact = [Parameter(parameter.detach().float()) for parameter in parameters]
    optimizer = adamw(parameters, learning_rate=1e-5)
    assert isinstance(optimizer, MasterAdamW)
    twin = AdamW(exact, lr=1e-5, weight_decay=0.0)
    for seed in range(300):
        noise = torch.Generator().manual_seed(seed)
        for one, other in zip(parameters, exact, strict=True):
            gradient = (torch.randn(one.shape, generator=noise) + 1.0).to(dtype)
            one.grad, other.grad = gradient, gradient.float()
        assert guarded_step(optimizer, learning_rate=1e-5, max_gradient_norm=1e9) > 0.0
        twin.step()
    for one, other in zip(parameters, exact, strict=True):
        assert torch.equal(one, other.to(dtype))
    assert not torch.equal(parameters[0], weights()[0].to(dtype))
    assert all(parameter.grad is None for parameter in parameters)


def test_weights_in_fp32_need_no_masters() -> None:
    layer = nn.Linear(3, 3)
    assert type(adamw(layer.parameters(), learning_rate=0.1)) is AdamW


def test_it_goes_on_bit_for_bit() -> None:
    parameters = weights()
    optimizer = adamw(parameters, learning_rate=1e-5)
    take_steps(parameters, optimizer, range(5))
    saved = copy.deepcopy(optimizer.state_dict())
    again = [Parameter(parameter.detach().clone()) for parameter in parameters]
    optimizer_again = adamw(again, learning_rate=1e-5)
    optimizer_again.load_state_dict(saved)
    assert take_steps(parameters, optimizer, range(5, 60)) == take_steps(again, optimizer_again, range(5, 60))
    for one, other in zip(parameters, again, strict=True):
        assert torch.equal(one, other)


def test_masters_of_another_model_are_refused() -> None:
    state = adamw(weights(), learning_rate=1e-5).state_dict()
    with pytest.raises(ValueError, match="of another model"):
        adamw([Parameter(torch.zeros(2, 2, dtype=torch.bfloat16))], learning_rate=1e-5).load_state_dict(state)


def test_a_gradient_that_is_not_finite_moves_no_master() -> None:
    parameters = weights()
    optimizer = adamw(parameters, learning_rate=1e-5)
    before: list[Tensor] = [parameter.detach().clone() for parameter in parameters]
    parameters[0].grad = torch.full_like(parameters[0], torch.inf)
    with pytest.raises(FloatingPointError, match="norm is"):
        guarded_step(optimizer, **STEP)
    take_steps([], optimizer, range(0))
    for one, other in zip(parameters, before, strict=True):
        assert torch.equal(one, other)
    assert parameters[0].grad is None
