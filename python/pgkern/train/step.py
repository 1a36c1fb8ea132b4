"""One policy-gradient step: rollouts, rewards, scores, advantages, updates, new weights for the engine."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from ..advantages import updated_mean
from .credit import Credit, assign_credit
from .judging.rewards_in_loop import reward_metrics
from .logs.phase_clock import PhaseClock
from .parts import Parts
from .sampling.ahead import RolloutsAhead
from .sampling.drawing import Batch, draw_batch, draw_prompts
from .sampling.experience import Sample, rollout_metrics
from .scoring.sample_metrics import of_update, together
from .scoring.scores import StepScores, metrics_apart, metrics_of_dropped, score_rollouts
from .updating.gradients import accumulate_gradients, sent_through
from .updating.optimizer import guarded_step
from .updating.schedule import learning_rate_factor

T = TypeVar("T")


@dataclass
class StepResult:
    """What a step saw and did."""

    samples: list[Sample]
    """All that were drawn."""
    advantages: dict[int, float]
    """Mean advantage over the tokens of each sample that was trained on, by its place among `samples`."""
    metrics: dict[str, float] = field(default_factory=dict)


def policy_gradient_step(parts: Parts, step: int) -> StepResult:
    """Step number `step`, counted from 0. It depends on nothing but its arguments: resuming repeats it exactly.

    Raises `FloatingPointError` when the policy no longer gives probabilities.
    """
    config, state, clock = parts.config, parts.state, PhaseClock()
    drawn_before = state.draws
    if parts.ahead is not None:
        batch = _drawn_ahead(parts, parts.ahead, clock, step)
        samples, drawn = batch.samples, batch.drawn
        scores = _scored(parts, samples, clock)
    elif config.rollouts.dynamic_sampling:
        batch = draw_batch(parts, clock, state.draws)
        samples, drawn = batch.samples, batch.drawn
        state.draws += batch.draws
        scores = _scored(parts, samples, clock)
    else:
        collected = draw_prompts(parts, clock, state.draws)
        state.draws += 1
        with clock.phase("score"):  # while the last rewards are on their way
            scores = score_rollouts(parts, collected.rollouts)
        with clock.phase("verify"):
            samples = drawn = collected.samples()
        parts.judge.end_step()
    metrics = {"draws": float(state.draws - drawn_before)} if config.rollouts.dynamic_sampling else {}
    credit = assign_credit(
        samples,
        config,
        mean_before=state.running_mean,
        old_log_probs=scores.old_log_probs,
        ref_log_probs=scores.ref_log_probs,
        values=scores.values,
    )
    if config.advantages.baseline == "running_mean" and credit.episode_returns.numel():
        state.running_mean = updated_mean(state.running_mean, credit.episode_returns, config.advantages.decay)
    seen = _seen_by_update(parts, scores, credit)
    with clock.phase("score"):
        apart = metrics_apart(parts, scores, seen)
        kept = {id(sample.rollout) for sample in samples}  # a kept sample has another group's number
        dropped = metrics_of_dropped(parts, [sample.rollout for sample in drawn if id(sample.rollout) not in kept])
    with clock.phase("train"):
        passes = _update(parts, scores, credit, step)
    in_pass = (passes[0]["tokens"], of_update(passes[0]) if seen else {})
    if parts.ahead is not None:
        with clock.phase("generate"):  # what training did not hide of it
            parts.ahead.wait()
        metrics |= _ahead_metrics(parts.ahead, drawn, step)
    with clock.phase("sync"):
        parts.engine.load_weights(parts.policy.weights(), version=step + 1)
    tokens = sum(len(sample.rollout.response_ids) for sample in drawn)
    times = clock.metrics()
    metrics |= {
        **reward_metrics([sample.judged for sample in drawn]),
        **rollout_metrics([sample.rollout for sample in drawn]),
        **together([apart, dropped, in_pass]),
        **credit.metrics,
        "kept_fraction": len(credit.trained) / len(drawn),
        **_over_updates(passes),
        **times,
        "tokens_per_second": tokens / times["seconds"],
    }
    return StepResult(drawn, _mean_advantages(drawn, samples, credit), metrics)


def _drawn_ahead(parts: Parts, ahead: RolloutsAhead, clock: PhaseClock, step: int) -> Batch:
    """The rollouts that were drawn during the step before, or new ones where there was none; the next are on their way.

    After the last step of the run there is no next one.
    """
    state = parts.state
    batch = ahead.take() or draw_batch(parts, clock, state.draws)
    state.draws += batch.draws
    if step + 1 < parts.config.run.steps:
        draws = state.draws
        ahead.start(lambda watch: draw_batch(parts, PhaseClock(), draws, watch))
    return batch


def _scored(parts: Parts, samples: Sequence[Sample], clock: PhaseClock) -> StepScores:
    with clock.phase("score"):
        return score_rollouts(parts, [sample.rollout for sample in samples])


def _ahead_metrics(ahead: RolloutsAhead, drawn: Sequence[Sample], step: int) -> dict[str, float]:
    """How many updates older the rollouts' policy is, and how long drawing the next ones took."""
    metrics = {"staleness": step - sum(sample.rollout.weights_version for sample in drawn) / len(drawn)}
    if ahead.batch is not None:
        metrics["seconds_ahead"] = ahead.batch.seconds
    return metrics


def _seen_by_update(parts: Parts, scores: StepScores, credit: Credit) -> set[int]:
    """The samples whose metrics of before the update its own pass finds: none where they are known already."""
    if scores.policy is not None:
        return set()
    objective = parts.config.objective.policy_objective(parts.config.rollouts.max_tokens)
    return {
        credit.trained[place] for place in sent_through(_of(scores.sequences, credit), credit.advantages, objective)
    }


def _update(parts: Parts, scores: StepScores, credit: Credit, step: int) -> list[dict[str, float]]:
    """The configured number of updates on the step's rollouts, and what each pass found.

    Old log-probabilities are frozen before the first; without any, the one update takes those of its own pass. Rollouts
    of a staler policy have theirs (eq. 27).
    """
    config, settings, policy = parts.config, parts.config.optimizer, parts.policy
    learning_rate = settings.learning_rate * parts.state.learning_rate_factor * _scheduled(parts, step)
    sequences = _of(scores.sequences, credit)
    objective = config.objective.policy_objective(config.rollouts.max_tokens)
    old_log_probs = scores.old_log_probs
    passes: list[dict[str, float]] = []
    for _ in range(settings.updates_per_step):
        metrics = accumulate_gradients(
            policy,
            sequences,
            credit.advantages,
            objective=objective,
            temperature=config.rollouts.temperature,
            old_log_probs=None if old_log_probs is None else _of(old_log_probs, credit),
            ref_log_probs=None if objective.kl_coef == 0 else _of(scores.ref_log_probs or [], credit),
            rollout_log_probs=None if scores.stale else _of(scores.rollout_log_probs, credit),
            max_tokens=settings.micro_batch_tokens,
        )
        if scores.policy is None and not passes and not math.isfinite(metrics.get("log_prob_mean", 0.0)):
            parts.optimizer.zero_grad(set_to_none=True)
            raise FloatingPointError("the policy's log-probabilities of its own samples are not finite")
        try:
            metrics["gradient_norm"] = guarded_step(
                parts.optimizer, learning_rate=learning_rate, max_gradient_norm=settings.max_gradient_norm
            )
        except FloatingPointError:  # not a step: the metric says so
            metrics["gradient_norm"] = math.nan
        if parts.value is not None and sequences:
            metrics |= parts.value.update(
                policy,
                sequences,
                _of(scores.values or [], credit),
                credit.value_targets,
                clip=config.value.clip,
                max_tokens=settings.micro_batch_tokens,
                max_gradient_norm=settings.max_gradient_norm,
                hidden=None if scores.hidden is None else _of(scores.hidden, credit),
            )
        passes.append({**metrics, "learning_rate": learning_rate})
    return passes


def _scheduled(parts: Parts, step: int) -> float:
    settings = parts.config.optimizer
    return learning_rate_factor(
        step,
        steps=parts.config.run.steps,
        schedule=settings.schedule,
        warmup_steps=settings.warmup_steps,
        decay_steps=settings.decay_steps,
        final_share=settings.final_share,
    )


def _over_updates(passes: Sequence[dict[str, float]]) -> dict[str, float]:
    """The last update's metrics; but of what the policy does to the ratio the mean, and of its extreme the largest."""
    renamed = {"correction_kept_fraction": "correction_kept"}
    hidden = {
        "tokens",
        "clip_fraction_low",
        "clip_fraction_high",
        "log_prob_mean",
        "entropy",
        "ref_kl",
        "rollout_mismatch",
        "rollout_mismatch_max",
        "correction_mean",
    }
    last = {renamed.get(name, name): value for name, value in passes[-1].items() if name not in hidden}
    clipped = [p.get("clip_fraction_low", 0.0) + p.get("clip_fraction_high", 0.0) for p in passes]
    last["clip_fraction"] = sum(clipped) / len(passes)
    if "approx_kl" in last:
        last["approx_kl"] = sum(p["approx_kl"] for p in passes) / len(passes)
    if "ratio_max" in last:
        last["ratio_max"] = max(p["ratio_max"] for p in passes)
    return last


def _of(values: Sequence[T], credit: Credit) -> list[T]:
    """Those of the samples that are trained on."""
    return [values[index] for index in credit.trained]


def _mean_advantages(drawn: Sequence[Sample], samples: Sequence[Sample], credit: Credit) -> dict[int, float]:
    places = {id(sample.rollout): place for place, sample in enumerate(drawn)}
    return {
        places[id(samples[index].rollout)]: sum(row) / len(row)
        for index, row in zip(credit.trained, credit.advantages, strict=True)
    }
