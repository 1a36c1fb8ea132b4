import re

import pytest

from pgkern.data.countdown import countdown_problems, countdown_question
from pgkern.data.prompts import prompt_format
from pgkern.rewards import countdown


def problems(count: int = 400, **changes: int) -> list[tuple[list[int], int, str]]:
    settings = {"num_numbers": 4, "largest_number": 20, "largest_target": 100, "seed": 3, **changes}
    made = countdown_problems(count, **settings)
    return [(p.columns["numbers"], int(str(p.gold)), p.solution or "") for p in made]  # type: ignore[misc]


@pytest.mark.parametrize("num_numbers", [1, 2, 3, 4, 6])
def test_every_worked_solution_earns_the_reward(num_numbers: int) -> None:
    for numbers, target, solution in problems(20 if num_numbers == 1 else 400, num_numbers=num_numbers):
        assert len(numbers) == num_numbers
        assert 1 <= target <= 100
        assert max(numbers) <= 20
        assert countdown(solution, target, numbers).reward == 1.0, solution


def test_every_step_on_the_way_is_true() -> None:
    for _, _, solution in problems(50):
        for step in re.findall(r"(\d+) ([-+*/]) (\d+) = (\d+)", solution):
            assert eval(f"{step[0]} {step[1]} {step[2]}") == int(step[3])


def test_problems_are_different_and_repeatable() -> None:
    first = problems()
    assert first == problems()
    assert first != problems(seed=4)
    assert len({(*sorted(numbers), target) for numbers, target, _ in first}) == 400


def test_all_that_there_are_and_no_more() -> None:
    small = {"num_numbers": 2, "largest_number": 2, "largest_target": 9}
    # 1,1: 2 and 1; 1,2: 3, 2, 1; 2,2: 4 and 1
    assert len(problems(7, **small)) == 7
    with pytest.raises(ValueError, match="8 different problems wanted, but only 7 were found with 2 numbers up to 2"):
        problems(8, **small)


def test_the_solution_is_in_the_prompts_form() -> None:
    [problem] = countdown_problems(
        1, num_numbers=1, largest_number=1, largest_target=1, seed=0, prompt=prompt_format("chat")
    )
    assert problem.question == countdown_question([1], 1)
    assert problem.solution == "The answer is \\boxed{1}."
