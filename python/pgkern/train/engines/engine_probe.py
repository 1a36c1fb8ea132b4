"""What an engine is asked after each push: a few rollouts whose log-probabilities the trainer knows too."""

from collections.abc import Sequence

import torch

from ...data.problem import Problem
from ...rollout.engine import Rollout, Sampling
from ...rollout.weight_probe import WeightProbe
from ..config import TrainConfig
from ..model.micro_batches import TokenSequence
from ..model.policy_model import Policy
from ..scoring.score import score
from ..seeds import derive_seed

_EXACT, _SINGLE, _ROUNDED = 1e-4, 1e-2, 0.1  # nats: float32 on a CPU agrees to 1e-5, bfloat16 to 0.02 or so


def engine_probe(policy: Policy, config: TrainConfig, problems: Sequence[Problem]) -> WeightProbe:
    """The probe of a run: its first problems, sampled as in training, so that the temperature is probed too."""
    settings, temperature = config.vllm, config.rollouts.temperature
    in_float32 = _EXACT if policy.device.type == "cpu" else _SINGLE

    def log_probs(rollouts: Sequence[Rollout]) -> list[list[float]]:
        sequences = [TokenSequence.of(rollout) for rollout in rollouts]
        return score(
            policy, sequences, temperature=temperature, max_tokens=config.optimizer.micro_batch_tokens
        ).log_probs

    return WeightProbe(
        [policy.prompt(problem) for problem in problems[: settings.probe_prompts]],
        Sampling(
            temperature=temperature,
            max_tokens=min(settings.probe_tokens, config.rollouts.max_tokens),
            stop=None,
            seed=derive_seed(config.run.seed, "engine probe"),
        ),
        log_probs,
        tolerance=settings.probe_tolerance or (in_float32 if policy.model.dtype == torch.float32 else _ROUNDED),
    )
