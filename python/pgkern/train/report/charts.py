"""Which metric is drawn where. The policy-gradient loss is not: its value says nothing about the policy (eq. 26)."""

from __future__ import annotations

from dataclasses import dataclass

from ..judging.outcomes import FAILURES


@dataclass(frozen=True)
class Chart:
    """A small chart: its lines are (metric, label, style)."""

    title: str
    unit: str
    lines: tuple[tuple[str, str, str], ...]
    spiky: bool = False
    """Whether single steps may be far above the others: then the scale is logarithmic."""


CHARTS: tuple[tuple[str, tuple[Chart, ...]], ...] = (
    (
        "Responses",
        (
            Chart("Response length", "tokens", (("response_length", "mean", "s1"),)),
            Chart(
                "Form",
                "share of responses",
                (("format_reward", "as the format asks", "s3"), ("truncated_fraction", "cut off", "s2")),
            ),
            Chart(
                "What is learned from",
                "share",
                (("kept_fraction", "rollouts trained on", "s1"), ("active_fraction", "rollouts with a signal", "s2")),
            ),
            Chart("Draws", "of prompts for one batch", (("draws", "draws", "s1"),)),
        ),
    ),
    (
        "Policy",
        (
            Chart("Entropy", "nats per token", (("entropy", "mean", "s1"),)),
            Chart("Clip fraction", "share of tokens", (("clip_fraction", "clipped", "s1"),)),
            Chart(
                "Probability ratio",
                "new to old policy",
                (("ratio_mean", "mean", "s1"), ("ratio_max", "largest", "s2")),
                spiky=True,
            ),
            Chart(
                "KL divergence",
                "nats per token",
                (("approx_kl", "to the sampling policy", "s1"), ("reference_kl", "to the reference", "s2")),
                spiky=True,
            ),
        ),
    ),
    (
        "Update",
        (
            Chart("Gradient norm", "before clipping", (("gradient_norm", "norm", "s1"),), spiky=True),
            Chart("Learning rate", "", (("learning_rate", "learning rate", "s1"),)),
            Chart("Advantages", "", (("advantage_std", "standard deviation", "s1"), ("baseline", "baseline", "s2"))),
            Chart("Value loss", "", (("value_loss", "loss", "s1"),), spiky=True),
            Chart("Value function", "share of variance", (("explained_variance", "explained", "s1"),)),
        ),
    ),
    (
        "Engine against trainer",
        (
            Chart(
                "Rollout mismatch",
                "nats per token",
                (("rollout_mismatch", "mean", "s1"), ("rollout_mismatch_max", "largest", "s2")),
                spiky=True,
            ),
            Chart("Correction", "share of tokens", (("correction_kept", "kept", "s1"),)),
        ),
    ),
)
SPEED = Chart("Speed", "tokens per second", (("tokens_per_second", "tokens/s", "s1"),))
WARMUP = Chart("Warm-up loss", "nats per token", (("loss", "loss", "s1"),), spiky=True)

PHASES = (
    ("seconds_generate", "generate", "s1"),
    ("seconds_verify", "verify", "s5"),
    ("seconds_score", "score", "s7"),
    ("seconds_train", "train", "s2"),
    ("seconds_sync", "sync", "s4"),
    ("seconds_evaluate", "evaluate", "s3"),
    ("seconds_checkpoint", "checkpoint", "s8"),
)
"""The phases of a step in their order."""

OUTCOME_PARTS = (
    ("correct", "correct", "s3"),
    ("scored", "scored", "s1"),
    ("wrong", "wrong", "s2"),
    ("no_answer", "no answer", "s5"),
    ("unparsed", "unparsed", "s4"),
    ("over_budget", "over budget", "s7"),
    ("bad_gold", "bad gold", "s6"),
    *((name, name.replace("_", " "), "s8") for name in FAILURES),
)
"""What can become of a rollout, from the bottom up: (outcome, label, style)."""
