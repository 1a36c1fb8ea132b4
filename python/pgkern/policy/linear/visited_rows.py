"""Which rows a pass visits at all: masked ones never.

Names: N rows in all, R rows that are visited.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ..terms.policy_terms import PolicyTerms
from .linear_head import LinearHead


@dataclass(frozen=True, slots=True)
class VisitedRows:
    """Row numbers. On a GPU the host waits for them, unless a graph is being captured: then they are all rows."""

    loud_R: Tensor  # that may have a gradient; one sequence after the other, where the objective couples tokens
    quiet_R: Tensor  # that are known to have none: only their log-probabilities are wanted
    lengths: tuple[int, ...]  # of the sequences in loud_R, where the objective couples tokens
    known: bool  # False: masked rows are among them


def visited_rows(terms: PolicyTerms, *, with_quiet: bool) -> VisitedRows:
    """Rows without a gradient are left out altogether unless `with_quiet`."""
    scored_N = terms.weights_N != 0
    if capturing(scored_N):
        every_N = torch.arange(scored_N.shape[0], device=scored_N.device)
        return VisitedRows(every_N, every_N[:0], (), known=False)
    quiet_N = terms.without_gradient()
    loud_R = (scored_N if quiet_N is None else scored_N & ~quiet_N).nonzero()[:, 0]
    quiet_R = (scored_N & quiet_N).nonzero()[:, 0] if with_quiet and quiet_N is not None else loud_R[:0]
    if not terms.couples_tokens:
        return VisitedRows(loud_R, quiet_R, (), known=True)
    assert terms.sequences is not None
    index_R, order_R = terms.sequences.index_T[loud_R].sort(stable=True)
    _, lengths_S = index_R.unique_consecutive(return_counts=True)  # type: ignore[no-untyped-call]
    return VisitedRows(loud_R[order_R], quiet_R, tuple(lengths_S.tolist()), known=True)


def scored_rows(head: LinearHead, scored_N: Tensor | None) -> tuple[LinearHead, Tensor]:
    """The rows that are scored (all, if None), and the head for them."""
    if scored_N is None or capturing(scored_N):
        head = head if scored_N is None else head.with_unscored_rows(scored_N)
        return head, torch.arange(head.token_ids_T.shape[0], device=head.token_ids_T.device)
    return head, scored_N.nonzero()[:, 0]


def capturing(tensor: Tensor) -> bool:
    """Whether a CUDA graph is being captured, during which the host cannot know what any tensor holds."""
    return tensor.is_cuda and torch.cuda.is_current_stream_capturing()
