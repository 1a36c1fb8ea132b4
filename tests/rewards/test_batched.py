import pytest

from pgkern import Verdict
from pgkern.rewards import Reward, TimeLimited, batched, countdown, gsm8k, reward_named


def test_a_batch_is_its_samples() -> None:
    completions = ["#### 1", "#### 2", "3", "#### x"]
    batch = batched("gsm8k")(completions, ["1"] * 4)
    assert batch.rewards == [gsm8k(completion, "1").reward for completion in completions] == [1, 0, 0, 0]
    assert batch.outcomes == [gsm8k(completion, "1").verdict.name.lower() for completion in completions]
    assert batched("gsm8k", num_threads=1)(completions, ["1"] * 4) == batch
    assert batched(gsm8k)([], []).rewards == []


def test_columns_go_with_their_samples_and_options_with_all() -> None:
    completions = ["<answer>1 + 2</answer>", "<answer>4 - 1</answer>"]
    judge = batched("countdown", at_most_once=True)
    assert judge.__name__ == "countdown"
    assert judge(completions, [3, 3], numbers=[[1, 2, 9], [4, 1]]).rewards == [1, 1]
    assert judge(completions, [3, 3], numbers=[[4, 1], [4, 1]]).rewards == [0, 1]
    assert batched(countdown)(completions, [3, 3], numbers=[[1, 2, 9], [4, 1]]).rewards == [0, 1]
    assert judge([], [], numbers=[]).outcomes == []


def test_a_function_of_ones_own() -> None:
    def length(completion: str, gold: int, unit: int = 1) -> float:
        return len(completion) / gold / unit

    batch = batched(length)(["a", "abc"], [1, 2], unit=[1, 3])
    assert (batch.rewards, batch.outcomes) == ([1, 0.5], ["scored", "scored"])

    def silent(completion: str, gold: str) -> Reward:
        return Reward(0.25, 1, 0, Verdict.WRONG)

    assert batched(silent)(["a"], ["b"]).rewards == [0.25]


def test_a_function_that_has_no_hash() -> None:
    class Exact:
        __hash__ = None  # type: ignore[assignment]

        def __eq__(self, other: object) -> bool:
            raise AssertionError("compared by identity")

        def __call__(self, completion: str, gold: str) -> float:
            return float(completion == gold)

    assert batched(Exact())(["a", "b"], ["a", "a"]).rewards == [1, 0]


def test_under_a_time_limit() -> None:
    with TimeLimited("operator:truediv", seconds=5) as limited:
        batch = batched(limited)([1, 1, 3], [2, 0, 4])  # type: ignore[list-item]
    assert (batch.rewards, batch.outcomes) == ([0.5, 0, 0.75], ["scored", "raised", "scored"])
    assert batch.reasons == ["", "raised ZeroDivisionError: division by zero", ""]
    assert batch.format_rewards == [None, None, None]


def test_a_batch_keeps_reasons_and_forms() -> None:
    batch = batched("countdown")(["<answer>1 + 2</answer>", "?"], [3, 3], numbers=[[1, 2, 9], [3]])
    assert batch.reasons == ["1 of the numbers is left out: 9", ""]
    assert batch.format_rewards == [1, 0]


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="reward is 'gsm9k': it must be one of r1_zero, boxed, gsm8k, multiple_choice"):
        reward_named("gsm9k")
    with pytest.raises(ValueError, match="2 completions but 1 golds"):
        batched("boxed")(["a", "b"], ["c"])
    with pytest.raises(ValueError, match="1 completions but 2 numbers"):
        batched("countdown")(["a"], [1], numbers=[[1], [2]])
