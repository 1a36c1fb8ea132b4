import dataclasses

import pytest

from pgkern import PolicyObjective


def test_named_constructors_are_what_the_papers_say() -> None:
    assert PolicyObjective.reinforce() == PolicyObjective("none", "plain", None, None, "token_mean", None)
    assert PolicyObjective.reinforce_off_policy() == PolicyObjective("token", "plain", None, None, "token_mean", None)
    assert PolicyObjective.ppo() == PolicyObjective("token", "clip", 0.2, 0.2, "token_mean", None)
    assert PolicyObjective.grpo() == PolicyObjective("token", "clip", 0.2, 0.2, "sequence_mean_token_mean", None)
    assert PolicyObjective.dapo() == PolicyObjective("token", "clip", 0.2, 0.28, "token_mean", None)
    assert PolicyObjective.dr_grpo(reduction_constant=512) == PolicyObjective(
        "token", "clip", 0.2, 0.2, "sequence_sum_constant", 512
    )


def test_any_field_can_be_overridden() -> None:
    assert PolicyObjective.grpo(clip_high=0.28, reduction="token_mean") == PolicyObjective.dapo()
    assert PolicyObjective.ppo(surrogate="plain", clip_low=None, clip_high=None) == (
        PolicyObjective.reinforce_off_policy()
    )


def test_it_is_frozen_and_hashable() -> None:
    objective = PolicyObjective.grpo()
    with pytest.raises(dataclasses.FrozenInstanceError):
        objective.clip_low = 0.1  # type: ignore[misc]
    assert len({objective, PolicyObjective.grpo()}) == 1


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"ratio": "sequences"}, r"ratio must be one of 'none', 'token', got 'sequences'"),
        ({"surrogate": "clipped"}, r"surrogate must be one of .* got 'clipped'"),
        ({"reduction": "mean"}, r"reduction must be one of .* got 'mean'"),
        ({"surrogate": "clip", "clip_low": 0.2, "clip_high": 0.2}, r"ratio 'none' leaves it nothing to clip"),
        ({"ratio": "token", "surrogate": "clip", "clip_low": 0.2}, r"clip_high must be a finite number, got None"),
        ({"clip_low": 0.2}, r"clips nothing, so clip_low and clip_high must be None, got 0.2 and None"),
        ({"ratio": "token", "surrogate": "clip", "clip_low": -0.1, "clip_high": 0.2}, r"clip_low .* got -0.1"),
        ({"ratio": "token", "surrogate": "clip", "clip_low": 1.5, "clip_high": 0.2}, r"at most 1 .* got 1.5"),
        ({"ratio": "token", "surrogate": "clip", "clip_low": 0.2, "clip_high": float("nan")}, r"clip_high .* got nan"),
        ({"ratio": "token", "surrogate": "clip", "clip_low": 0.2, "clip_high": "0.2"}, r"clip_high .* got '0.2'"),
        ({"reduction": "sequence_sum_constant"}, r"reduction_constant must be a finite number, got None"),
        ({"reduction": "sequence_sum_constant", "reduction_constant": 0}, r"reduction_constant must be above 0, got 0"),
        ({"reduction_constant": 5.0}, r"reduction 'token_mean' does not use reduction_constant, got 5.0"),
    ],
)
def test_contradictions_are_refused_with_the_reason(fields: dict, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        PolicyObjective(**fields)
