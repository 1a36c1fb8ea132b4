from pgkern.data.problem import Problem
from pgkern.rollout.engine import Prompt, Rollout
from pgkern.train.judging.rewards_in_loop import Judged
from pgkern.train.sampling.dynamic_sampling import sample_until_different
from pgkern.train.sampling.experience import Sample


def draw_of(*rewards: tuple[float | None, ...]) -> list[Sample]:
    """One group for each tuple."""
    return [
        Sample(
            Problem(f"{rewards}", ""),
            group,
            Rollout(group, Prompt("", (1,)), (2,), "", (0.0,), "stop", 0),
            Judged(reward, 0.0, {}, "scored", "", None),
        )
        for group, of_group in enumerate(rewards)
        for reward in of_group
    ]


def test_groups_without_a_difference_are_replaced_by_further_draws() -> None:
    draws = iter([draw_of((1.0, 1.0), (0.0, 1.0)), draw_of((0.0, 0.0), (None, 1.0)), draw_of((1.0, 0.0), (0.0, 1.0))])
    kept, drawn = sample_until_different(lambda: next(draws), num_groups=2, max_draws=5)
    assert [(sample.group, sample.judged.reward) for sample in kept] == [(0, 0.0), (0, 1.0), (1, 1.0), (1, 0.0)]
    assert len(drawn) == 12
    assert next(draws, None) is None


def test_it_ends_after_so_many_draws_with_what_there_is() -> None:
    draws = iter([draw_of((1.0, 1.0)), draw_of((1.0, 0.0)), draw_of((0.0, 1.0))])
    kept, drawn = sample_until_different(lambda: next(draws), num_groups=2, max_draws=2)
    assert [sample.judged.reward for sample in kept] == [1.0, 0.0]
    assert len(drawn) == 4
    assert sample_until_different(lambda: draw_of((0.0, 0.0)), num_groups=1, max_draws=3)[0] == []
