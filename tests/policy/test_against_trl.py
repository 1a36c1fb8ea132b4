"""The losses against TRL's own code, on the same log-probabilities: values and gradients.

`GRPOTrainer._compute_loss` is called with a stub in place of the trainer, which hands it the log-probabilities.
Left out, for no objective here does it: `use_bias_correction_kl` (multiplies the penalty by the ratio), "vespo", the
high-entropy token mask and the off-policy sequence mask.
"""

import collections
import dataclasses
import itertools
import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from pgkern import PolicyObjective, linear_token_log_probs, policy_loss, token_log_probs

pytest.importorskip("trl", reason="TRL is not installed: nothing to compare with")

B, L = 6, 7
EXACT = {"rtol": 1e-11, "atol": 1e-14}
# Not SAPO's own 1.05: TRL rounds these two to fp32, so they are numbers that fp32 has.
GATES = {"gate_temperature_positive": 1.0, "gate_temperature_negative": 1.25}


@pytest.fixture(scope="module")
def trl_loss() -> Any:
    from trl import GRPOTrainer  # seconds: only where a test needs it

    return GRPOTrainer._compute_loss


@pytest.fixture(scope="module")
def trl_utils() -> Any:
    import trl.trainer.utils

    return trl.trainer.utils


@pytest.fixture
def batch() -> dict[str, Tensor]:
    """Ratios on either side of every clip, and lengths that differ. TRL divides by rows, so none is without a token."""
    random = torch.Generator().manual_seed(3)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=random, dtype=torch.float64)

    log_probs = -3 * torch.rand(B, L, generator=random, dtype=torch.float64) - 0.01
    mask = torch.arange(L) < torch.tensor([7, 1, 4, 6, 3, 5])[:, None]
    mask[3, 2] = False  # as a tool's output within the completion
    old_log_probs = log_probs - 0.5 * normal(B, L) - 0.4 * torch.tensor([1, 0, -1, 2, -2, 0])[:, None]
    return {
        "log_probs": log_probs,
        "entropy": 2 * torch.rand(B, L, generator=random, dtype=torch.float64),
        "mask": mask,
        "advantages": torch.tensor([1.3, 0.4, -0.6, -1.1, 0.9, -0.7], dtype=torch.float64),
        "old_log_probs": old_log_probs,
        "ref_log_probs": log_probs + 0.6 * normal(B, L),
        "rollout_log_probs": old_log_probs + 0.25 * normal(B, L),
    }


class Accelerator:
    """Of one process, at an optimizer step."""

    num_processes = 1
    sync_gradients = True

    def gather(self, tensor: Tensor) -> Tensor:
        return tensor

    def reduce(self, tensor: Tensor, reduction: str) -> Tensor:
        return tensor


def by_trl(
    compute_loss: Any,
    batch: dict[str, Tensor],
    loss_type: str,
    *,
    level: str = "token",
    epsilon_low: float = 0.2,
    epsilon_high: float = 0.2,
    delta: float | None = None,
    beta: float = 0.0,
    entropy_coef: float = 0.0,
    correction: Tensor | None = None,
) -> list[Tensor]:
    """The loss and its gradients in the log-probabilities and the entropy."""
    log_probs, entropy = (batch[name].clone().requires_grad_() for name in ("log_probs", "entropy"))
    trainer = SimpleNamespace(
        _get_per_token_logps_and_entropies=lambda *_, **__: (log_probs, entropy, None),
        accelerator=Accelerator(),
        args=SimpleNamespace(
            delta=delta,
            use_bias_correction_kl=False,
            sapo_temperature_pos=GATES["gate_temperature_positive"],
            sapo_temperature_neg=GATES["gate_temperature_negative"],
            steps_per_generation=1,
        ),
        model=SimpleNamespace(training=True),
        loss_type=loss_type,
        importance_sampling_level=level,
        epsilon_low=epsilon_low,
        epsilon_high=epsilon_high,
        beta=beta,
        max_completion_length=11,
        current_gradient_accumulation_steps=1,
        use_vllm=correction is not None,
        vllm_importance_sampling_correction=correction is not None,
        aux_loss_enabled=False,
        top_entropy_quantile=1.0,
        off_policy_mask_threshold=None,
        entropy_coef=entropy_coef,
        use_adaptive_entropy=False,
        _entropy_bonus_enabled=entropy_coef != 0,
        _metrics={"train": collections.defaultdict(list)},
    )
    ids = torch.zeros(B, L, dtype=torch.int64)
    inputs = {
        "prompt_ids": ids,
        "prompt_mask": torch.ones_like(ids),
        "completion_ids": ids,
        "completion_mask": batch["mask"].to(torch.int64),
        "advantages": batch["advantages"],
        "old_per_token_logps": batch.get("old_log_probs"),
        "ref_per_token_logps": batch["ref_log_probs"],
        "num_items_in_batch": batch["mask"].sum(),
        "importance_sampling_ratio": correction,
    }
    loss = compute_loss(trainer, None, inputs)
    return [loss.detach(), *gradients(loss, log_probs, entropy)]


def by_pgkern(batch: dict[str, Tensor], objective: PolicyObjective) -> list[Tensor]:
    log_probs, entropy = (batch[name].clone().requires_grad_() for name in ("log_probs", "entropy"))
    loss = policy_loss(**{**batch, "log_probs": log_probs, "entropy": entropy}, objective=objective).loss
    return [loss.detach(), *gradients(loss, log_probs, entropy)]


def gradients(loss: Tensor, *leaves: Tensor) -> list[Tensor]:
    found = torch.autograd.grad(loss, leaves, allow_unused=True)
    return [torch.zeros_like(leaf) if grad is None else grad for leaf, grad in zip(leaves, found, strict=True)]


# TRL's loss_type, its importance_sampling_level: our objective, and what both may be given beside it.
CLIP = {"clip_low": 0.2, "clip_high": 0.3}
SEQUENCE_CLIP = {"ratio": "sequence", **CLIP}
CLIPPED = {
    ("grpo", "token"): PolicyObjective.grpo(**CLIP),
    ("grpo", "sequence"): PolicyObjective.gspo(**CLIP),
    ("bnpo", "token"): PolicyObjective.grpo(**CLIP, reduction="token_mean"),
    ("bnpo", "sequence"): PolicyObjective.gspo(**CLIP, reduction="token_mean"),
    ("dr_grpo", "token"): PolicyObjective.dr_grpo(**CLIP, reduction_constant=11.0),
    ("dr_grpo", "sequence"): PolicyObjective.dr_grpo(**SEQUENCE_CLIP, reduction_constant=11.0),
    ("dapo", "token"): PolicyObjective.dapo(**CLIP),
    ("dapo", "sequence"): PolicyObjective.dapo(**SEQUENCE_CLIP),
    ("luspo", "token"): PolicyObjective.grpo(**CLIP, reduction="sequence_mean_token_sum"),
    ("luspo", "sequence"): PolicyObjective.gspo(**CLIP, reduction="sequence_mean_token_sum"),
}
UNCLIPPED = {
    ("cispo", "token"): PolicyObjective.cispo(clip_high=0.3),
    ("cispo", "sequence"): PolicyObjective.cispo(ratio="sequence", clip_high=0.3),
    ("sapo", "token"): PolicyObjective.sapo(**GATES),
    ("sapo", "sequence"): PolicyObjective.sapo(**GATES, ratio="sequence"),
}
OBJECTIVES = CLIPPED | UNCLIPPED


def trl_options(loss_type: str, level: str) -> dict[str, Any]:
    # TRL's bound of CISPO's weight is the weight itself, not its distance from 1.
    return {"level": level, "epsilon_low": 0.2, "epsilon_high": 1.3 if loss_type == "cispo" else 0.3}


@pytest.mark.parametrize(("loss_type", "level"), OBJECTIVES)
def test_loss(trl_loss: Any, batch: dict[str, Tensor], loss_type: str, level: str) -> None:
    """With and without the old policy, with the penalty and without, an advantage per sequence and per token."""
    objective = OBJECTIVES[loss_type, level]
    spread = batch["advantages"][:, None] + torch.linspace(-1, 1, L, dtype=torch.float64)
    for beta, old, advantages in itertools.product((0.0, 0.7), (True, False), (batch["advantages"], spread)):
        given = {**batch, "advantages": advantages}
        if not old:
            del given["old_log_probs"]
        torch.testing.assert_close(
            by_pgkern(given, dataclasses.replace(objective, kl_coef=beta, kl_estimator="k3")),
            by_trl(trl_loss, given, loss_type, beta=beta, **trl_options(loss_type, level)),
            **EXACT,
            msg=lambda message, case=(beta, old, advantages.shape): f"{message}\n{case}",
        )


@pytest.mark.parametrize(("loss_type", "level"), CLIPPED)
def test_two_sided_clip(trl_loss: Any, batch: dict[str, Tensor], loss_type: str, level: str) -> None:
    torch.testing.assert_close(
        by_pgkern(batch, dataclasses.replace(CLIPPED[loss_type, level], delta=1.6)),
        by_trl(trl_loss, batch, loss_type, delta=1.6, **trl_options(loss_type, level)),
        **EXACT,
    )


@pytest.mark.parametrize("loss_type", ["bnpo", "dapo", "cispo"])
def test_entropy_bonus(trl_loss: Any, batch: dict[str, Tensor], loss_type: str) -> None:
    """TRL's bonus is the mean over all tokens whatever the loss divides by; ours takes the loss's own reduction."""
    torch.testing.assert_close(
        by_pgkern(batch, dataclasses.replace(OBJECTIVES[loss_type, "token"], entropy_coef=0.2)),
        by_trl(trl_loss, batch, loss_type, entropy_coef=0.2, **trl_options(loss_type, "token")),
        **EXACT,
    )


def trl_importance_sampling_ratio(batch: dict[str, Tensor], mode: str, low: float | None, high: float) -> Tensor:
    """As `GRPOTrainer._generate_and_score_completions` calculates it, in the middle of much else."""
    diff = (batch["old_log_probs"] - batch["rollout_log_probs"]) * batch["mask"]
    ratio = torch.exp(diff.sum(dim=-1, keepdim=True) if mode.startswith("sequence") else diff)
    if mode.endswith("truncate"):
        return torch.clamp(ratio, min=low, max=high)
    return ratio.masked_fill((ratio < (-math.inf if low is None else low)) | (ratio > high), value=0.0)


@pytest.mark.parametrize("mode", ["token_truncate", "token_mask", "sequence_truncate", "sequence_mask"])
@pytest.mark.parametrize(("loss_type", "level"), OBJECTIVES)
def test_rollout_correction(trl_loss: Any, batch: dict[str, Tensor], loss_type: str, level: str, mode: str) -> None:
    correction_level, correction = mode.split("_")
    for low in (None, 0.8):
        objective = dataclasses.replace(
            OBJECTIVES[loss_type, level],
            kl_coef=0.7,
            correction=correction,
            correction_level=correction_level,
            correction_cap=1.2,
            correction_floor=low or 0.0,
        )
        ratio = trl_importance_sampling_ratio(batch, mode, low, 1.2)
        # Both bounds must matter, or the comparison says little.
        assert ((ratio == (1.2 if correction == "truncate" else 0)) & batch["mask"]).any()
        torch.testing.assert_close(
            by_pgkern(batch, objective),
            by_trl(trl_loss, batch, loss_type, beta=0.7, correction=ratio, **trl_options(loss_type, level)),
            **EXACT,
        )


@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_log_probs_and_entropy_from_logits(trl_utils: Any, temperature: float) -> None:
    random = torch.Generator().manual_seed(0)
    logits = (3 * torch.randn(3, 5, 127, generator=random, dtype=torch.float64)).requires_grad_()
    ids = torch.randint(0, 127, (3, 5), generator=random)
    up = torch.randn(2, 3, 5, generator=random, dtype=torch.float64)
    ours = token_log_probs(logits, ids, temperature=temperature, return_entropy=True)
    theirs = trl_utils.selective_log_softmax_and_entropy(logits, ids, temperature=temperature)
    torch.testing.assert_close(ours, theirs, **EXACT)
    torch.testing.assert_close(ours[0], trl_utils.selective_log_softmax(logits, ids, temperature=temperature), **EXACT)
    torch.testing.assert_close(ours[1], trl_utils.entropy_from_logits(logits / temperature), **EXACT)
    ours_grad, theirs_grad = (torch.autograd.grad((torch.stack(pair) * up).sum(), logits) for pair in (ours, theirs))
    torch.testing.assert_close(ours_grad, theirs_grad, **EXACT)


@pytest.mark.parametrize("softcap", [None, 5.0])
@pytest.mark.parametrize("bias", [True, False])
def test_log_probs_and_entropy_from_hidden_states(softcap: float | None, bias: bool) -> None:
    """Against TRL's projection in chunks, in torch where there is no GPU, and always in fp32."""
    from trl.kernels import ChunkedLogProbFunction

    random = torch.Generator().manual_seed(0)
    hidden = torch.randn(9, 16, generator=random).requires_grad_()
    weight = torch.randn(127, 16, generator=random).requires_grad_()
    bias_V = torch.randn(127, generator=random).requires_grad_() if bias else None
    leaves = [leaf for leaf in (hidden, weight, bias_V) if leaf is not None]
    ids = torch.randint(0, 127, (9,), generator=random)
    up = torch.randn(2, 9, generator=random)
    ours = linear_token_log_probs(
        hidden, weight, ids, bias=bias_V, temperature=0.7, softcap=softcap, return_entropy=True
    )
    theirs = ChunkedLogProbFunction.apply(hidden, weight, bias_V, ids, 0.7, 32, softcap, 1.0, ("entropy",))[:2]
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
    ours_grad, theirs_grad = (torch.autograd.grad((torch.stack(pair) * up).sum(), leaves) for pair in (ours, theirs))
    # Gradients go up to 7.5. From fp64 TRL's are 1.5e-5 away (its entropy is a difference of larger ones), ours 3e-6.
    torch.testing.assert_close(ours_grad, theirs_grad, rtol=1e-5, atol=5e-5)
