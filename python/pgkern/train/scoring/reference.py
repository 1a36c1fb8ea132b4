"""The reference policy of the KL divergence: the policy as it was before its first policy-gradient step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import Parameter

from ..files.atomic_write import atomic_directory, recover_directory
from ..files.storage_error import writing
from ..model.micro_batches import TokenSequence
from ..model.policy_model import Policy
from .score import score

_WEIGHTS = "weights.safetensors"


class Reference:
    """The trained parameters as they were; whatever is frozen is the policy's own and not kept twice.

    Of a policy with adapters that is the adapters alone: a few megabytes, and right after a warm-up too, where the
    base with its adapters turned off would not be.
    """

    def __init__(self, weights: dict[str, Tensor]) -> None:
        self._weights = weights

    @classmethod
    def of(cls, policy: Policy) -> Reference:
        """The policy as it is now."""
        return cls({name: tensor.detach().clone() for name, tensor in _trained(policy).items()})

    @classmethod
    def kept(cls, policy: Policy, folder: Path, *, step: int) -> Reference:
        """The run's reference at a step, counted from 0: written to `folder` at step 0, read from there later.

        The folder appears complete or not at all. Killed before the first checkpoint, a run comes here at step 0 again
        and writes the same once more.

        Raises `ValueError` when a later step finds none, or one of another model.
        """
        if step == 0:
            reference = cls.of(policy)
            with writing("the reference policy", folder), atomic_directory(folder) as new:
                save_file(reference._weights, new / _WEIGHTS)
            return reference
        cls.require(folder, step=step)
        reference = cls(load_file(folder / _WEIGHTS, device=str(policy.device)))
        reference._require_same(policy, folder)
        return reference

    @staticmethod
    def require(folder: Path, *, step: int) -> None:
        """Raise `ValueError` for a step other than 0 of which no reference was kept."""
        if step > 0 and not (recover_directory(folder) and (folder / _WEIGHTS).is_file()):
            raise ValueError(
                f"{folder / _WEIGHTS} is missing: the policy before its first step cannot be known at step {step}. "
                "A run that began with kl_coef 0 cannot be given another; set it to 0 or start a new run"
            )

    def log_probs(
        self, policy: Policy, sequences: Sequence[TokenSequence], *, temperature: float, max_tokens: int
    ) -> list[list[float]]:
        """log π_ref(a_t|s_t) of each response token of each sequence, at the temperature they were sampled at.

        Meanwhile the policy's module holds the reference's weights, so nothing else may use it.
        """
        with self._in_place_of(policy):
            return score(policy, sequences, temperature=temperature, max_tokens=max_tokens).log_probs

    @contextmanager
    def _in_place_of(self, policy: Policy) -> Iterator[None]:
        """Exchange the tensors behind the policy's parameters for the reference's, and back; nothing is copied."""
        trained = _trained(policy)
        self._exchange(trained)
        try:
            yield
        finally:
            self._exchange(trained)

    def _exchange(self, trained: dict[str, Parameter]) -> None:
        for name, parameter in trained.items():
            parameter.data, self._weights[name] = self._weights[name], parameter.data

    def _require_same(self, policy: Policy, folder: Path) -> None:
        def kinds(weights: dict[str, Tensor]) -> dict[str, tuple[list[int], torch.dtype]]:
            return {name: (list(tensor.shape), tensor.dtype) for name, tensor in weights.items()}

        expected, found = kinds(dict(_trained(policy))), kinds(self._weights)
        for name in sorted(expected.keys() | found.keys()):
            if expected.get(name) != found.get(name):
                raise ValueError(
                    f"{folder / _WEIGHTS} is of another model: it has {found.get(name, 'nothing')} for {name!r}, "
                    f"expected {expected.get(name, 'nothing')}"
                )


def _trained(policy: Policy) -> dict[str, Parameter]:
    return {name: tensor for name, tensor in policy.model.named_parameters() if tensor.requires_grad}
