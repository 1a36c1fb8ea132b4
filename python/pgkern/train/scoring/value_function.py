"""The learned value function V(s): what return the policy can expect from a prefix on (baseline "value").

Names: T packed tokens, R response tokens among them, D hidden size.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence, Sized
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from ...values import explained_variance, value_loss
from ..config.advantages import ValueConfig
from ..model.lora import remove_lora
from ..model.micro_batches import MicroBatch, TokenSequence, micro_batches
from ..model.policy_model import Policy
from ..seeds import derive_seed
from ..updating.optimizer import adamw, guarded_step
from .value_head import ValueHead

_USUAL = {"head": (3e-3, 8), "network": (3e-4, 1)}  # learning rate and passes where none are set


@dataclass(frozen=True)
class _Row:
    """What a packed row is trained with; `states_RD` are the policy's hidden states where V(s) is of those."""

    batch: MicroBatch
    states_RD: Tensor | None
    old_R: Tensor
    returns_R: Tensor


class ValueFunction:
    """V(s) of the state before each response token, and its regression onto returns.

    Of kind "head" it is a `ValueHead` on the policy's hidden states, detached: the policy's gradient knows nothing of
    it, and with the hidden states that scoring computes anyway neither V(s) nor an update takes another pass through
    the policy. Of kind "network" it has a transformer of its own, in fp32 and wholly trained, which starts as a copy of
    the policy's without its adapters.
    """

    def __init__(self, head: ValueHead, own: Policy | None, *, learning_rate: float, passes: int) -> None:
        self._head, self._own = head, own
        self._learning_rate, self._passes = learning_rate, passes
        self._modules = torch.nn.ModuleDict({"head": head})
        if own is not None:
            self._modules["transformer"] = own.model
        self._optimizer = adamw(self._modules.parameters(), learning_rate=learning_rate)

    @classmethod
    def new(cls, policy: Policy, config: ValueConfig, seed: int) -> ValueFunction:
        """One that says V(s) = 0 of every state; `seed` is the run's. Torch's generators are left as found."""
        head = ValueHead(policy.model.config.hidden_size, derive_seed(seed, "value")).to(policy.device)
        own = replace(policy, model=_trainable_copy(policy)) if config.kind == "network" else None
        learning_rate, passes = _USUAL[config.kind]
        return cls(head, own, learning_rate=config.learning_rate or learning_rate, passes=config.passes or passes)

    @property
    def reads_policy(self) -> bool:
        """Whether it looks at the policy's hidden states (kind "head")."""
        return self._own is None

    def of_batch(self, policy: Policy, batch: MicroBatch, hidden_RD: Tensor | None = None) -> Tensor:
        """`[R]`, V(s_t) for each response token of a packed row: s_t is all that stands before the token.

        `hidden_RD` is `policy.hidden(batch)` at the positions that predict response tokens, where that is known
        already; only kind "head" looks at it.
        """
        response_T = batch.mask_T.bool()
        if self._own is not None:
            hidden_RD = self._own.hidden(batch)[response_T]
        elif hidden_RD is None:
            with torch.no_grad():
                hidden_RD = policy.hidden(batch)[response_T]
        values_R: Tensor = self._head(hidden_RD.detach() if self.reads_policy else hidden_RD)
        return values_R

    @torch.no_grad()
    def values(self, policy: Policy, sequences: Sequence[TokenSequence], max_tokens: int) -> list[list[float]]:
        """V(s_t) for each response token of each sequence, without gradients."""
        values: list[list[float]] = [[] for _ in sequences]
        for batch in micro_batches(sequences, max_tokens, policy.device):
            for index, row in zip(batch.indices, batch.split(self.of_batch(policy, batch)), strict=True):
                values[index] = row
        return values

    def update(
        self,
        policy: Policy,
        sequences: Sequence[TokenSequence],
        old_values: Sequence[Sequence[float]],
        returns: Sequence[Sequence[float]],
        *,
        clip: float | None,
        max_tokens: int,
        max_gradient_norm: float,
        hidden: Sequence[Tensor] | None = None,
    ) -> dict[str, float]:
        """For each pass one step of AdamW on `value_loss` over the whole batch's response tokens, a row at a time.

        `old_values` are those the advantages were taken with, `returns` the targets, both one for each response token.
        `hidden` are the policy's hidden states that predict them, `[R, D]` of each sequence, where those were kept.
        The size of the rows changes memory and not the step. Returns `value_loss`, `explained_variance`
        (absent where all returns are equal) and `value_gradient_norm`, all of before the first step; nothing where
        there is no response token.

        Raises `ValueError` for lists that do not fit the responses, and `FloatingPointError` for a gradient that is
        not finite, which leaves V(s) as it was before that step.
        """
        _require_fit("old_values", old_values, sequences)
        _require_fit("returns", returns, sequences)
        if hidden is not None:
            _require_fit("hidden", hidden, sequences)
        kept = [index for index, sequence in enumerate(sequences) if sequence.response_ids]
        rows = []
        for batch in micro_batches([sequences[index] for index in kept], max_tokens, policy.device):
            response_T = batch.mask_T.bool()
            old_R = batch.align([old_values[index] for index in kept])[response_T]
            returns_R = batch.align([returns[index] for index in kept])[response_T]
            states_RD = None if hidden is None else torch.cat([hidden[kept[index]] for index in batch.indices])
            if states_RD is None and self.reads_policy:
                with torch.no_grad():  # once for all passes
                    states_RD = policy.hidden(batch)[response_T]
            rows.append(_Row(batch, states_RD, old_R, returns_R))
        if not rows:
            return {}
        passes = [self._step(policy, rows, clip, max_gradient_norm) for _ in range(self._passes)]
        return passes[0]

    def _step(
        self, policy: Policy, rows: Sequence[_Row], clip: float | None, max_gradient_norm: float
    ) -> dict[str, float]:
        num_tokens = sum(row.returns_R.numel() for row in rows)
        losses, found = [], []
        for row in rows:
            values_R = self.of_batch(policy, row.batch, row.states_RD)
            every_R = torch.ones_like(values_R, dtype=torch.bool)
            loss = value_loss(values_R, row.old_R, row.returns_R, every_R, clip, num_tokens=num_tokens)
            loss.backward()  # type: ignore[no-untyped-call]
            losses.append(loss.detach())
            found.append(values_R.detach())
        norm = guarded_step(self._optimizer, learning_rate=self._learning_rate, max_gradient_norm=max_gradient_norm)
        metrics = {"value_loss": float(torch.stack(losses).sum()), "value_gradient_norm": norm}
        explained = explained_variance(torch.cat(found), torch.cat([row.returns_R for row in rows]))
        return metrics if math.isnan(explained) else {**metrics, "explained_variance": explained}

    def state_dict(self) -> dict[str, Any]:
        """Parameters and the optimiser's state, for `torch.save`."""
        return {"parameters": self._modules.state_dict(), "optimizer": self._optimizer.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state_dict` of the same kind and size, bit for bit.

        Raises `RuntimeError` (torch's, with the names and shapes) for another kind or size.
        """
        self._modules.load_state_dict(state["parameters"])
        self._optimizer.load_state_dict(state["optimizer"])


def _require_fit(name: str, lists: Sequence[Sized], sequences: Sequence[TokenSequence]) -> None:
    if len(lists) != len(sequences):
        raise ValueError(f"{name} has {len(lists)} lists, expected one for each of {len(sequences)} sequences")
    for index, (values, sequence) in enumerate(zip(lists, sequences, strict=True)):
        if len(values) != len(sequence.response_ids):
            raise ValueError(
                f"{name}[{index}] has length {len(values)}, expected one for each of "
                f"{len(sequence.response_ids)} response tokens"
            )


def _trainable_copy(policy: Policy) -> PreTrainedModel:
    """The policy's transformer without output layer and adapters, in fp32, every parameter trained."""
    transformer: Any = copy.deepcopy(policy.model.base_model)
    remove_lora(transformer)
    transformer.float().requires_grad_(True)
    trained: PreTrainedModel = transformer
    return trained
