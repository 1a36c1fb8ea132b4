from collections.abc import Callable
from typing import Any

import torch
from benches.character_policy import character_tokenizer
from benches.reference_tasks import last_digit_problems, two_digit_problems
from benches.reference_twin import _until_end


def test_quick_form_runs_every_curve(run_quick: Callable[..., dict[str, Any]]) -> None:
    rows = run_quick("reference_curves", "--seeds", "1")["rows"]
    assert [(row["curve"], row["variant"]) for row in rows] == [
        ("last digit", "group mean"),
        ("last digit", "group mean and std"),
        ("two digits", "learning rate 0.0003"),
        ("two digits", "plain PyTorch"),
        ("two digits", "warm-up checked every 25 steps"),
        ("two digits", "learning rate 0.001"),
    ]
    assert [row["parameters"] for row in rows] == [101_696] * 2 + [599_936] * 4
    assert 0.05 < rows[0]["before"] < 0.1  # one of 14 tokens, give or take
    for row in rows:
        assert [step for step, _ in row["points"]] == [0, 2]
        assert len(row.get("entropy", "no")) == 2
    assert [row["before"] for row in rows[2:]] == [rows[2]["before"]] * 4
    assert rows[2]["warmup_steps"] == 2


def test_a_response_of_the_twin_ends_with_its_first_end() -> None:
    response_BR = torch.tensor([[3, 4, 1, 5], [1, 1, 2, 3], [3, 4, 5, 6]])
    assert _until_end(response_BR, end=1).tolist() == [[1, 1, 1, 0], [1, 0, 0, 0], [1, 1, 1, 1]]


def test_tokens_are_characters() -> None:
    tokenizer = character_tokenizer("01+=")
    assert tokenizer("10+1=<|endoftext|>").input_ids == [3, 2, 4, 3, 5, 1]
    assert tokenizer.decode([3, 2, 4, 3, 5, 1], skip_special_tokens=True) == "10+1="


def test_problems_have_their_sums() -> None:
    digits = last_digit_problems()
    assert len({problem.question for problem in digits}) == 100
    assert next(problem.gold for problem in digits if problem.question == "7+8=") == "5"
    sums = two_digit_problems(0)
    assert len({problem.question for problem in sums}) == 8100
    assert sums != two_digit_problems(1)
    assert next(problem.gold for problem in sums if problem.question == "47+85=") == "132"
