import json
import math

import pytest
import torch

from pgkern.train.config import DivergenceConfig
from pgkern.train.divergence.divergence_watch import DivergenceWatch, infinite_weight
from pgkern.train.divergence.validation_history import Validation
from pgkern.train.state import TrainerState

HEALTHY: dict[str, float | None] = {
    "loss": 0.1,
    "gradient_norm": 1.0,
    "entropy": 0.5,
    "ratio_max": 1.5,
    "train_reward": 0.3,
    "outcome_correct": 0.3,
}


def watch(**settings: object) -> DivergenceWatch:
    return DivergenceWatch(DivergenceConfig(**settings), TrainerState())  # type: ignore[arg-type]


def test_a_healthy_step_is_no_divergence() -> None:
    watching = watch()
    assert watching.check(1, HEALTHY) is None
    assert not watching.troubled
    assert watching.check(2, {}) is None  # nothing was measured


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, None])
@pytest.mark.parametrize(
    ("metric", "words"),
    [
        ("loss", "the loss"),
        ("gradient_norm", "the gradient's norm"),
        ("value_loss", "the value function's loss"),
        ("entropy", "the entropy"),
    ],
)
def test_what_is_not_finite_is_one_at_once(metric: str, words: str, value: float | None) -> None:
    number = "nan" if value is None else str(value)
    assert watch(patience=5).check(12, {**HEALTHY, metric: value}) == f"{words} is {number} at step 12"


def test_a_ratio_is_given_patience() -> None:
    watching = watch(patience=3, max_ratio=1e4)
    exploded = {**HEALTHY, "ratio_max": 3.1e5}
    assert watching.check(1, exploded) is None
    assert watching.troubled
    assert watching.check(2, exploded) is None
    assert watching.check(3, {**HEALTHY, "ratio_max": 1e4}) is None  # at the bound; the count begins anew
    assert not watching.troubled
    assert watching.check(4, exploded) is None
    assert watching.check(5, {**HEALTHY, "ratio_max": math.inf}) is None
    expected = "ratio_max 3.1e+05 is above 1e+04 for 3 steps in a row, the last of them step 6"
    assert watching.check(6, exploded) == expected


def test_a_ratio_that_is_no_number_is_one_at_once() -> None:
    assert watch(patience=3).check(4, {**HEALTHY, "ratio_max": math.nan}) == "the largest ratio is nan at step 4"


def test_a_collapsed_entropy() -> None:
    watching = watch(patience=2, min_entropy=1e-4)
    collapsed = {**HEALTHY, "entropy": 2e-6}
    assert watching.check(1, collapsed) is None
    expected = "entropy 2e-06 is below 0.0001 for 2 steps in a row, the last of them step 2"
    assert watching.check(2, collapsed) == expected


def test_a_policy_that_knows_the_task_may_be_sure() -> None:
    watching = watch(patience=1)
    assert watching.check(1, {**HEALTHY, "entropy": 0.0, "train_reward": 0.99, "outcome_correct": 0.99}) is None
    assert watching.check(2, {**HEALTHY, "entropy": 0.0}) == "entropy 0 is below 0.0001 at step 2"
    scored = {name: value for name, value in HEALTHY.items() if name != "outcome_correct"}
    assert watching.check(3, {**scored, "entropy": 0.0}) == (
        "entropy 0 is below 0.0001 for 2 steps in a row, the last of them step 3"
    )


def test_a_task_with_a_reward_in_numbers_is_solved_too() -> None:
    numbers = {**HEALTHY, "outcome_correct": 0.0, "outcome_scored": 1.0, "entropy": 0.0}
    assert watch(patience=1).check(1, {**numbers, "train_reward": 0.95}) is None
    assert watch(patience=1).check(1, {**numbers, "train_reward": 0.94}) is not None
    # A verdict counts where there is one, whatever the rewards add up to.
    verdicts = {**HEALTHY, "outcome_correct": 0.5, "outcome_scored": 0.0, "entropy": 0.0}
    assert watch(patience=1).check(1, {**verdicts, "train_reward": 2.0}) is not None


def test_the_warm_up_may_become_sure_of_its_solutions() -> None:
    assert watch(patience=1).check(1, {"loss": 0.0, "entropy": 0.0, "gradient_norm": 0.0}) is None
    assert watch(patience=1).check(1, {"loss": math.nan}) == "the loss is nan at step 1"


def test_a_step_without_the_metric_changes_no_count() -> None:
    watching = watch(patience=2)
    assert watching.check(1, {**HEALTHY, "ratio_max": 1e6}) is None
    assert watching.check(2, {"loss": 0.1}) is None
    assert watching.troubled
    assert watching.check(3, {**HEALTHY, "ratio_max": 1e6}) is not None


def test_the_counts_survive_as_json() -> None:
    state = TrainerState()
    exploded = {**HEALTHY, "ratio_max": 1e6}
    assert DivergenceWatch(DivergenceConfig(patience=2), state).check(1, exploded) is None
    taken_up = DivergenceWatch(
        DivergenceConfig(patience=2), TrainerState(troubled_steps=json.loads(json.dumps(state.troubled_steps)))
    )
    assert taken_up.troubled
    assert taken_up.check(2, exploded) is not None


def rewarded(watching: DivergenceWatch, rewards: list[float], first_step: int = 1) -> tuple[int, str] | None:
    """Step and words of the first divergence that is told."""
    for step, reward in enumerate(rewards, first_step):
        told = watching.check(step, {**HEALTHY, "train_reward": reward})
        if told is not None:
            return step, told
    return None


def test_a_reward_that_has_collapsed_is_one_when_all_else_is_healthy() -> None:
    watching = watch(reward_window=10, reward_patience=15)
    rewards = [0.5, 0.6] * 20
    assert rewarded(watching, rewards) is None
    assert not watching.troubled
    step, told = rewarded(watching, [0.0] * 30, first_step=41) or (0, "")
    assert step == 55
    assert told == (
        "train_reward has fallen from 0.55 to 0 since step 40 (means of 10 steps) and has not come back by step 55"
    )
    assert watching.troubled
    assert watching.wrong_since - 2 == 30  # a checkpoint of step 30 is from before the last good window


def test_every_other_divergence_goes_back_from_its_own_step() -> None:
    watching = watch(reward_window=2, reward_patience=1, min_reward_share=0.5)
    rewarded(watching, [0.5, 0.5, 0.0])
    assert watching.check(4, {**HEALTHY, "loss": math.nan}) is not None
    assert watching.wrong_since == 4


def test_a_run_may_be_told_to_leave_its_reward_alone() -> None:
    watching = watch(reward_window=2, reward_patience=1, min_reward_share=0)
    assert rewarded(watching, [1.0] * 20 + [0.0] * 50) is None
    assert not watching.troubled


def solved(right: int) -> Validation:
    return Validation.of([1.0] * right + [0.0] * (512 - right))


def test_a_validation_reward_that_has_collapsed_is_one_however_early() -> None:
    watching = watch(patience=2)
    assert watching.check_validation(0, solved(82)) is None
    assert watching.check_validation(5, solved(10)) is None
    assert watching.troubled
    assert watching.check_validation(10, solved(60)) is None  # the count begins anew
    assert not watching.troubled
    assert watching.check_validation(15, solved(10)) is None
    assert watching.check_validation(20, solved(8)) == (
        "validation_reward has fallen from 0.16 to 0.0156 since step 10 for 2 evaluations in a row, "
        "the last of them step 20"
    )
    assert watching.wrong_since - 2 == 10  # a checkpoint of that step was evaluated and found good


def test_a_run_may_be_told_to_leave_its_validation_reward_alone() -> None:
    for settings in ({"min_reward_share": 0}, {"action": "ignore"}):
        watching = watch(patience=1, **settings)
        assert [watching.check_validation(step, solved(right)) for step, right in ((0, 500), (5, 0))] == [None, None]
        assert not watching.troubled


def test_ignored_is_not_looked_at() -> None:
    assert watch(action="ignore").check(1, {**HEALTHY, "loss": math.nan}) is None


def test_a_weight_that_is_not_finite_is_named() -> None:
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Linear(2, 2))
    assert infinite_weight(model.named_parameters()) is None
    with torch.no_grad():
        model[1].bias[1] = math.inf
    assert infinite_weight(model.named_parameters()) == "the weight 1.bias has values that are not finite"
    assert infinite_weight([("counts", torch.tensor([1, 2]))]) is None
