"""The parts of the bench from logits."""

from .logit_case import LogitCase
from .logit_inputs import LogitInputs, logit_inputs
from .logit_outcome import LogitProvider
from .logit_providers import providers
from .logit_truth import errors
from .provider_names import COPY, PGKERN, PGKERN_IN_PLACE
from .suite import Suite


def _prepare(inputs: LogitInputs, provider: LogitProvider) -> None:
    provider.prepare(inputs)


SUITE = Suite(
    "logit_suite",
    LogitCase,
    logit_inputs,
    providers,
    _prepare,
    errors,
    time_only=(COPY,),
    must_run=(PGKERN, PGKERN_IN_PLACE, COPY),
    handed_over_bytes=lambda _case, _inputs: 0,  # beyond the logits a gradient is extra, unless it lies over them
)
