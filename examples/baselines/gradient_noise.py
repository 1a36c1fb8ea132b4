"""How noisy each baseline's gradient estimate is, measured at the warmed-up policy, before any step.

The same batches of rollouts give every baseline its estimates; the noise is the trace of their covariance. What a
baseline's own samples make it too small by is put right first (group mean: a factor of G / (G - 1)), so that all
estimates here have one expectation, ∇J, and the lower noise is the better estimate. Division by the standard deviation
changes the expectation and is left out.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from runs import Experiment
from torch import Tensor
from variants import Variant

from pgkern.data.order import batch_indices
from pgkern.rollout.engine import Sampling
from pgkern.rollout.transformers_engine import TransformersEngine
from pgkern.train.config import TrainConfig
from pgkern.train.config_file import load_config
from pgkern.train.credit import assign_credit
from pgkern.train.judging.rewards_in_loop import RewardJudge
from pgkern.train.model.micro_batches import TokenSequence
from pgkern.train.model.policy_model import Policy, new_policy
from pgkern.train.sampling.experience import Sample, collect
from pgkern.train.scoring.value_function import ValueFunction
from pgkern.train.seeds import derive_seed
from pgkern.train.tasks import Task, load_task
from pgkern.train.updating.gradients import accumulate_gradients

UNBIASED: dict[str, Callable[[TrainConfig], float]] = {
    "none": lambda _config: 1.0,
    "constant": lambda _config: 1.0,
    "running-mean": lambda _config: 1.0,
    "batch-mean": lambda config: _freed(config.rollouts.prompts_per_step * config.rollouts.samples_per_prompt),
    "group-mean": lambda config: _freed(config.rollouts.samples_per_prompt),
    "leave-one-out": lambda _config: 1.0,
    "value": lambda _config: 1.0,
}
"""What makes each variant's expectation ∇J."""
VALUE_BATCHES = 20


def _freed(count: int) -> float:
    """n / (n - 1): a mean of n that the sample itself is part of takes 1 / n of it away."""
    return count / (count - 1)


@dataclass(frozen=True)
class _Scene:
    config: TrainConfig
    task: Task
    policy: Policy
    engine: TransformersEngine
    judge: RewardJudge

    def batch(self, number: int) -> list[Sample]:
        """Rollouts of the next prompts, judged."""
        rollouts, seed = self.config.rollouts, self.config.run.seed
        indices = batch_indices(
            number,
            batch_size=rollouts.prompts_per_step,
            num_problems=len(self.task.train),
            seed=derive_seed(seed, "gradient noise order"),
        )
        sampling = Sampling(
            num_samples=rollouts.samples_per_prompt,
            max_tokens=rollouts.max_tokens,
            stop=rollouts.stop,
            seed=derive_seed(seed, "gradient noise", number),
        )
        problems = [self.task.train[index] for index in indices]
        return collect(self.policy, self.engine, self.judge, problems, sampling).samples()


def gradient_noise(
    experiment: Experiment, variants: Sequence[Variant], seed: int, *, batches: int = 24
) -> dict[str, float]:
    """Noise of each unbiased variant's gradient at the seed's warmed-up policy, as a share of that without a baseline.

    Raises `ValueError` when "none" is not among the variants, or for fewer than two batches.
    """
    if batches < 2:
        raise ValueError(f"batches is {batches}; a variance takes two")
    compared = [variant for variant in variants if variant.name in UNBIASED]
    if all(variant.name != "none" for variant in compared):
        raise ValueError("the noise is a share of that without a baseline: name the variant 'none' too")
    configs = {variant.name: _config(experiment, variant, seed) for variant in compared}
    config = next(iter(configs.values()))
    task = load_task(config.data, seed)
    policy = new_policy(config, task.train)
    engine = TransformersEngine(policy.model, policy.tokenizer, batch_size=config.rollouts.batch_size)
    with RewardJudge(config.rewards) as judge:
        scene = _Scene(config, task, policy, engine, judge)
        value, mean = _learned_before(scene, configs.get("value"))
        sums: dict[str, Tensor] = {}
        squares = dict.fromkeys(configs, 0.0)
        for number in range(batches):
            samples = scene.batch(VALUE_BATCHES + number)
            for name, own in configs.items():
                gradient = UNBIASED[name](own) * _gradient(policy, samples, own, mean, value)
                sums[name] = sums.get(name, torch.zeros_like(gradient)) + gradient
                squares[name] += float(gradient.square().sum())
    noise = {name: (squares[name] - float(sums[name].square().sum()) / batches) / (batches - 1) for name in configs}
    if noise["none"] == 0:
        raise ValueError(f"{batches} batches of rollouts without a single reward say nothing about a baseline")
    return {name: round(noise[name] / noise["none"], 4) for name in configs}


def _config(experiment: Experiment, variant: Variant, seed: int) -> TrainConfig:
    return load_config(TrainConfig, experiment.task, experiment.from_warm(variant, seed))


def _learned_before(scene: _Scene, config: TrainConfig | None) -> tuple[ValueFunction | None, float]:
    """A value function and a mean reward, both of batches that are not measured with."""
    value = ValueFunction.new(scene.policy, config.value, config.run.seed) if config is not None else None
    rewards: list[float] = []
    for number in range(VALUE_BATCHES if config is not None else 1):
        samples = scene.batch(number)
        rewards += [sample.judged.reward or 0.0 for sample in samples]
        if value is None or config is None:
            continue
        sequences, max_tokens = _sequences(samples), config.optimizer.micro_batch_tokens
        values = value.values(scene.policy, sequences, max_tokens)
        targets = assign_credit(samples, config, values=values).value_targets
        value.update(
            scene.policy,
            sequences,
            values,
            targets,
            clip=None,
            max_tokens=max_tokens,
            max_gradient_norm=config.optimizer.max_gradient_norm,
        )
    return value, sum(rewards) / len(rewards)


def _gradient(
    policy: Policy, samples: Sequence[Sample], config: TrainConfig, mean: float, value: ValueFunction | None
) -> Tensor:
    """The estimate from these samples, as one fp64 vector."""
    sequences, max_tokens = _sequences(samples), config.optimizer.micro_batch_tokens
    values: Any = None
    if config.advantages.baseline == "value" and value is not None:
        values = value.values(policy, sequences, max_tokens)
    credit = assign_credit(samples, config, mean_before=mean, values=values)
    accumulate_gradients(
        policy,
        [sequences[index] for index in credit.trained],
        credit.advantages,
        objective=config.objective.policy_objective(config.rollouts.max_tokens),
        max_tokens=max_tokens,
    )
    gradients = [
        torch.zeros_like(parameter) if parameter.grad is None else parameter.grad  # none where no sample has merit
        for parameter in policy.model.parameters()
    ]
    gradient = torch.cat([gradient.double().flatten() for gradient in gradients])
    policy.model.zero_grad(set_to_none=True)
    return gradient


def _sequences(samples: Sequence[Sample]) -> list[TokenSequence]:
    return [TokenSequence.of(sample.rollout) for sample in samples]
