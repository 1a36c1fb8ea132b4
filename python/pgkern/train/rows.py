"""A step's samples as people read them, for `rollouts.jsonl`."""

from collections.abc import Iterator

from .logs.rollout_log import RolloutRow
from .model.policy_model import Policy
from .step import StepResult


def rollout_rows(policy: Policy, result: StepResult) -> Iterator[RolloutRow]:
    """One row a sample, made when it is asked for."""
    for place, sample in enumerate(result.samples):
        rollout, judged = sample.rollout, sample.judged
        yield RolloutRow(
            prompt=rollout.prompt.text,
            response=rollout.response,
            gold=sample.problem.gold_line,
            answer=judged.answer,
            verdict=judged.outcome,
            reward=judged.reward,
            advantage=result.advantages.get(place),
            finish_reason=rollout.finish_reason,
            reason=judged.reason,
            tokens=policy.token_texts(rollout.response_ids),
            log_probs=list(rollout.log_probs),
        )
