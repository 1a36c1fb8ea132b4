"""The rollouts of a step with what they earned: one draw of prompts, or several with dynamic sampling."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from ...data.order import batch_indices
from ...rollout.engine import Rollout, Sampling
from ..logs.phase_clock import PhaseClock
from ..parts import Parts
from ..seeds import derive_seed
from .dynamic_sampling import sample_until_different
from .experience import Collected, Sample, collect

Watch = Callable[[Iterator[Rollout]], Iterable[Rollout]]


@dataclass(frozen=True)
class Batch:
    """What a step trains on."""

    samples: list[Sample]
    """Those that were kept, grouped by prompt."""
    drawn: list[Sample]
    """All that were drawn."""
    draws: int
    """How often prompts were drawn."""
    seconds: float = 0.0
    """How long it took."""


def draw_batch(parts: Parts, clock: PhaseClock, draws_before: int, watch: Watch = iter) -> Batch:
    """Draw, judge, and with dynamic sampling draw again; nothing of the state is changed.

    Raises `RewardFailedError` where a reward judges nothing any more.
    """
    draws = 0

    def draw() -> list[Sample]:
        nonlocal draws
        collected = draw_prompts(parts, clock, draws_before + draws, watch)
        draws += 1
        with clock.phase("verify"):
            return collected.samples()

    settings = parts.config.rollouts
    if settings.dynamic_sampling:
        groups = settings.prompts_per_step
        samples, drawn = sample_until_different(draw, num_groups=groups, max_draws=settings.max_draws)
    else:
        samples = drawn = draw()
    parts.judge.end_step()
    return Batch(samples, drawn, draws, clock.metrics()["seconds"])


def draw_prompts(parts: Parts, clock: PhaseClock, draws_before: int, watch: Watch = iter) -> Collected:
    """Responses to the next prompts of the data, with their rewards still on the way.

    Which prompts and which samples follows from the run's seed and how often prompts were drawn before.
    """
    config, state = parts.config, parts.state
    indices = batch_indices(
        draws_before,
        batch_size=config.rollouts.prompts_per_step,
        num_problems=len(parts.task.train),
        seed=derive_seed(config.run.seed, "training order"),
    )
    stream = "sampling" + f" after {state.roll_backs} roll-backs" * (state.roll_backs > 0)
    sampling = Sampling(
        num_samples=config.rollouts.samples_per_prompt,
        temperature=config.rollouts.temperature,
        max_tokens=config.rollouts.max_tokens,
        stop=config.rollouts.stop,
        seed=derive_seed(config.run.seed, stream, draws_before),
    )
    with clock.phase("generate"):
        problems = [parts.task.train[index] for index in indices]
        return collect(parts.policy, parts.engine, parts.judge, problems, sampling, watch=watch)
