from collections.abc import Callable
from typing import Any

import pytest
import torch
from benches.policy_case import PolicyCase, policy_inputs
from benches.policy_providers import FLOOR, drop_gradients, providers
from benches.policy_truth import errors
from benches.provider_names import CROSS_ENTROPY, NAIVE, PGKERN


def test_quick_form(run_quick: Callable[..., dict[str, Any]]) -> None:
    rows = run_quick("linear_policy_loss", "--device", "cpu")["rows"]
    both = {row["provider"]: row for row in rows if row["work"] == "both"}
    forward = {row["provider"]: row for row in rows if row["work"] == "forward"}
    assert both.keys() == {PGKERN, NAIVE, CROSS_ENTROPY, FLOOR}
    assert forward.keys() == {PGKERN, NAIVE}
    for row in rows:
        median, p20, p80 = row["seconds"]
        assert 0 < p20 <= median <= p80
        operations = (6 if row["work"] == "both" else 2) * row["tokens"] * row["hidden_size"] * row["vocabulary"]
        assert row["tflop_per_second"] == pytest.approx(operations / median / 1e12, rel=1e-3)
        assert row["provider"] == FLOOR or row["extra_bytes"] >= 0
    assert both[NAIVE]["time_ratio"] == [1.0, 1.0, 1.0]
    assert both[PGKERN]["loss_error"] < 1e-5
    assert both[PGKERN]["hidden_gradient_error"] < 2e-5
    assert both[PGKERN]["weight_gradient_error"] < 2e-5
    assert "loss_error" not in both[FLOOR]
    assert forward[PGKERN]["log_prob_error"] < 1e-4  # bf16 inputs, fp32 logits
    assert forward[NAIVE]["log_prob_error"] > forward[PGKERN]["log_prob_error"]


@pytest.mark.parametrize("active", [1.0, 0.5])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_every_provider_computes_the_same_thing(dtype: str, active: float) -> None:
    case = PolicyCase("cpu", dtype, 64, 32, 127, active)
    bound = 2e-5 if dtype == "float32" else 3e-2
    for name, found in errors(case, providers(case)[0]).items():
        assert max(found.values()) < bound, name


def test_inputs_are_as_active_as_they_say_and_nothing_is_clipped() -> None:
    inputs = policy_inputs(PolicyCase("cpu", "float32", 64, 32, 127, 0.5))
    log_probs_N = torch.log_softmax(inputs.hidden_ND @ inputs.weight_VD.t(), -1).gather(1, inputs.token_ids_N[:, None])
    ratio_N = (log_probs_N[:, 0] - inputs.old_log_probs_N).exp()
    assert 0.8 < ratio_N.min() < 1 < ratio_N.max() < 1.2
    assert (inputs.advantages_B != 0).sum() == 4
    drop_gradients(inputs)
    providers(PolicyCase("cpu", "float32", 64, 32, 127))[0][NAIVE](inputs)
    assert inputs.hidden_ND.grad is not None
    assert (inputs.hidden_ND.grad.abs().amax(1) > 0).tolist() == [True] * 32 + [False] * 32


def test_tokens_that_do_not_make_equal_sequences_are_refused() -> None:
    with pytest.raises(ValueError, match=r"63 tokens .* multiple of 8"):
        policy_inputs(PolicyCase("cpu", "float32", 63, 32, 127))
