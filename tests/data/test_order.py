import pytest

from pgkern.data.order import batch_indices


@pytest.mark.parametrize(("num_problems", "batch_size"), [(10, 3), (7, 7), (5, 8), (1, 4), (12, 4)])
def test_every_problem_once_an_epoch_also_where_batches_do_not_divide_it(num_problems: int, batch_size: int) -> None:
    steps = num_problems * 3
    seen = [
        index
        for step in range(steps)
        for index in batch_indices(step, batch_size=batch_size, num_problems=num_problems, seed=1)
    ]
    for epoch in range(len(seen) // num_problems):
        assert sorted(seen[epoch * num_problems : (epoch + 1) * num_problems]) == list(range(num_problems))


def test_epochs_and_seeds_differ_and_steps_stand_alone() -> None:
    first = batch_indices(0, batch_size=100, num_problems=100, seed=1)
    assert first != batch_indices(1, batch_size=100, num_problems=100, seed=1)
    assert first != batch_indices(0, batch_size=100, num_problems=100, seed=2)
    assert first == batch_indices(0, batch_size=100, num_problems=100, seed=1)
