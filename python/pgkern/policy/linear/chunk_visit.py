"""From one chunk of logits to the log-probabilities of its tokens, their coefficients, and the logits' gradient.

Names: T rows of the chunk, V vocabulary or this rank's slice of it.
"""

import torch
from torch import Tensor

from ..backend import use_triton
from ..logits.logit_gradient_rows import GradientRows
from ..logits.logit_loss_rows import LossRows
from ..logits.logit_statistics import logit_statistics
from ..logits.vocabulary_parallel import VocabularySlice, of_all_slices
from ..terms.policy_terms import PolicyTerms
from .linear_head import LinearHead


def visit_chunk(
    head: LinearHead,
    rows_T: Tensor,
    terms_T: PolicyTerms,
    logits_TV: Tensor,
    gradient_TV: Tensor,
    part: VocabularySlice | None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Log-probabilities, entropies, coefficients; the losses' gradient is in `gradient_TV`, which may be the logits.

    One visit to each row, where its gradient follows from its own log-probability by a formula that whoever visits the
    rows knows; otherwise two, to rows that are still there.
    """
    columns, temperature_T = logits_TV.shape[1], head.temperatures(rows_T)
    ids_T = head.local_ids(rows_T, part)
    alone = part is None and not terms_T.couples_tokens
    if alone and (terms_T.on_device or not use_triton(logits_TV, head.compute_dtype)):
        rows = LossRows(ids_T, temperature_T, head.softcap, columns, terms_T)
        _, log_probs_T, entropy_T, coefficients_T = rows.visit(logits_TV, gradient_TV)
        return log_probs_T, entropy_T, coefficients_T
    found = logit_statistics(logits_TV, ids_T, temperature_T, head.softcap, columns, with_entropy=True)
    if part is not None:
        found = of_all_slices(torch.stack(found), head.token_ids_T[rows_T], temperature_T, part)
    log_probs_T, entropy_T, largest_T, log_sums_T = found
    coefficients_T = terms_T.coefficients(log_probs_T)
    GradientRows(
        ids_T,
        temperature_T,
        head.softcap,
        columns,
        log_probs_T,
        entropy_T,
        largest_T,
        log_sums_T,
        coefficients_T,
        terms_T.entropy_coefficients(),
    ).write(logits_TV, gradient_TV)
    return log_probs_T, entropy_T, coefficients_T
