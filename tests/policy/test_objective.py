import copy
import dataclasses
import pickle

import pytest

from pgkern import PolicyObjective


def fields_of(objective: PolicyObjective) -> dict[str, object]:
    """Those that differ from an objective that is told nothing."""
    plain = PolicyObjective()
    names = [field.name for field in dataclasses.fields(PolicyObjective)]
    return {name: getattr(objective, name) for name in names if getattr(objective, name) != getattr(plain, name)}


CLIP = {"ratio": "token", "surrogate": "clip", "clip_low": 0.2, "clip_high": 0.2}
PER_SEQUENCE = {"reduction": "sequence_mean_token_mean"}


@pytest.mark.parametrize(
    ("objective", "fields"),
    [
        (PolicyObjective.reinforce(), {}),
        (PolicyObjective.reinforce_off_policy(), {"ratio": "token"}),
        (PolicyObjective.ppo(), CLIP),
        (PolicyObjective.grpo(), CLIP | PER_SEQUENCE),
        (PolicyObjective.dapo(), CLIP | {"clip_high": 0.28}),
        (
            PolicyObjective.dr_grpo(reduction_constant=512),
            CLIP | {"reduction": "sequence_sum_constant", "reduction_constant": 512},
        ),
        (
            PolicyObjective.gspo(),
            PER_SEQUENCE | {"ratio": "sequence", "surrogate": "clip", "clip_low": 3e-4, "clip_high": 4e-4},
        ),
        (PolicyObjective.cispo(), {"ratio": "token", "surrogate": "detach", "clip_high": 4.0}),
        (
            PolicyObjective.gmpo(),
            PER_SEQUENCE | {"ratio": "sequence", "surrogate": "geometric_clip", "clip_low": 0.4, "clip_high": 0.4},
        ),
        (
            PolicyObjective.sapo(),
            PER_SEQUENCE
            | {
                "ratio": "token",
                "surrogate": "soft_gate",
                "gate_temperature_positive": 1.0,
                "gate_temperature_negative": 1.05,
            },
        ),
        (
            PolicyObjective.kimi_k15(mirror_coef=0.1),
            {
                "ratio": "sequence",
                "surrogate": "mirror",
                "mirror_coef": 0.1,
                "reduction": "sequence_mean_token_sum",
            },
        ),
    ],
)
def test_named_constructors_are_what_the_papers_say(objective: PolicyObjective, fields: dict[str, object]) -> None:
    assert fields_of(objective) == fields


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
    "objective",
    [
        PolicyObjective(),
        PolicyObjective.sapo(kl_coef=1e-3, kl_estimator="k1", entropy_coef=-0.5),
        PolicyObjective.gspo(correction="mask", correction_level="sequence", correction_cap=2, correction_floor=0.5),
    ],
)
def test_its_key_says_all_of_it(objective: PolicyObjective) -> None:
    assert PolicyObjective.from_key(objective.key) == objective
    assert PolicyObjective(**dataclasses.asdict(objective)) == objective
    assert pickle.loads(pickle.dumps(objective)).key == copy.deepcopy(objective).key == objective.key
    assert dataclasses.replace(objective, entropy_coef=0.25).key != objective.key


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"ratio": "sequences"}, r"ratio must be one of 'none', 'token', 'sequence', got 'sequences'"),
        ({"surrogate": "clipped"}, r"surrogate must be one of .* got 'clipped'"),
        ({"kl_estimator": "k4"}, r"kl_estimator must be one of 'k1', 'k2', 'k3', got 'k4'"),
        ({"reduction": "mean"}, r"reduction must be one of .* got 'mean'"),
        ({"surrogate": "clip", "clip_low": 0.2, "clip_high": 0.2}, r"'clip' clips a ratio, so ratio 'none' does not"),
        ({"surrogate": "detach"}, r"'detach' weighs by a ratio, so ratio 'none' does not go with it"),
        ({"surrogate": "soft_gate"}, r"'soft_gate' gates a ratio, so ratio 'none' does not go with it"),
        ({"ratio": "token", "surrogate": "geometric_clip"}, r"so ratio 'token' does not go with it; take 'sequence'"),
        ({"surrogate": "mirror", "mirror_coef": 1.0}, r"squares the log-ratio of a sequence, so ratio 'none' does not"),
        ({"ratio": "sequence", "surrogate": "mirror"}, r"needs mirror_coef: it must be a finite number, got None"),
        ({"ratio": "token", "surrogate": "clip", "clip_low": 0.2}, r"needs clip_high: .* finite number, got None"),
        ({"clip_low": 0.2}, r"'plain' does not use clip_low=0.2; leave None"),
        (CLIP | {"mirror_coef": 1.0}, r"'clip' does not use mirror_coef=1.0; leave None"),
        (CLIP | {"clip_low": -0.1}, r"clip_low must be at least 0, got -0.1"),
        (CLIP | {"clip_low": 1.5}, r"at most 1 .* got 1.5"),
        (CLIP | {"clip_high": float("nan")}, r"needs clip_high: .* got nan"),
        (CLIP | {"clip_high": "0.2"}, r"needs clip_high: .* got '0.2'"),
        (CLIP | {"dual_clip": 1.0}, r"dual_clip is a bound of the ratio and must be above 1, got 1.0"),
        (CLIP | {"delta": 1.1}, r"delta .* at least 1 \+ clip_high = 1.2, got 1.1"),
        (
            {"ratio": "token", "surrogate": "detach", "dual_clip": 3.0, "delta": 2.0},
            r"'detach' does not use dual_clip=3.0 and delta=2.0",
        ),
        (
            {
                "ratio": "token",
                "surrogate": "soft_gate",
                "gate_temperature_positive": 0.0,
                "gate_temperature_negative": 1.0,
            },
            r"gate_temperature_positive must be above 0, got 0.0",
        ),
        ({"kl_coef": -0.1}, r"kl_coef is the weight of a penalty and must be at least 0, got -0.1"),
        ({"kl_coef": float("inf")}, r"kl_coef must be a finite number, got inf"),
        ({"entropy_coef": None}, r"entropy_coef must be a finite number, got None"),
        ({"correction": "drop"}, r"correction must be one of 'truncate', 'mask', got 'drop'"),
        ({"correction": "mask"}, r"correction 'mask' needs correction_cap"),
        ({"correction_cap": 2.0}, r"without a correction its cap, floor and level would go unused, got .*2.0"),
        ({"correction_level": "sequence"}, r"without a correction .* correction_level 'sequence'"),
        ({"correction": "mask", "correction_cap": 2.0, "correction_floor": 3.0}, r"floor <= .*cap.* got 3.0 and 2.0"),
        ({"reduction": "sequence_sum_constant"}, r"reduction_constant must be a finite number, got None"),
        ({"reduction": "sequence_sum_constant", "reduction_constant": 0}, r"reduction_constant must be above 0, got 0"),
        ({"reduction_constant": 5.0}, r"reduction 'token_mean' does not use reduction_constant, got 5.0"),
    ],
)
def test_contradictions_are_refused_with_the_reason(fields: dict, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        PolicyObjective(**fields)
