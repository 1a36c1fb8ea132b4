"""Groups whose samples differ in what they earned: the others have no advantage over one another (DAPO, eq. 11)."""

from collections.abc import Callable
from dataclasses import replace
from itertools import groupby

from .experience import Sample


def sample_until_different(
    draw: Callable[[], list[Sample]], *, num_groups: int, max_draws: int
) -> tuple[list[Sample], list[Sample]]:
    """Draw until `num_groups` groups have rewards that differ, or `max_draws` times.

    Returns the kept samples, at most `num_groups` groups numbered from 0, and all that were drawn.
    """
    kept: list[list[Sample]] = []
    drawn: list[Sample] = []
    for _ in range(max_draws):
        samples = draw()
        drawn += samples
        groups = [list(group) for _, group in groupby(samples, key=lambda sample: sample.group)]
        kept += [group for group in groups if _differ(group)]
        if len(kept) >= num_groups:
            break
    numbered = [replace(sample, group=number) for number, group in enumerate(kept[:num_groups]) for sample in group]
    return numbered, drawn


def _differ(group: list[Sample]) -> bool:
    return len({sample.judged.reward for sample in group if sample.judged.reward is not None}) > 1
