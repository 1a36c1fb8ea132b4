"""The parts of the bench from hidden states."""

from .policy_case import PolicyCase
from .policy_inputs import policy_inputs
from .policy_providers import drop_gradients, providers
from .policy_truth import errors
from .provider_names import NAIVE, PGKERN, PGKERN_ALL_ACTIVE, PRODUCTS
from .suite import Suite

SUITE = Suite(
    "policy_suite",
    PolicyCase,
    policy_inputs,
    providers,
    drop_gradients,
    errors,
    time_only=(PRODUCTS, PGKERN_ALL_ACTIVE),
    must_run=(PGKERN, NAIVE, PRODUCTS, PGKERN_ALL_ACTIVE),
    handed_over_bytes=lambda _case, inputs: inputs.gradient_bytes,
)
