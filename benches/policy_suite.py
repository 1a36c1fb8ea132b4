"""The parts of the bench from hidden states."""

from .policy_case import PolicyCase, PolicyInputs, policy_inputs
from .policy_providers import FLOOR, drop_gradients, providers
from .policy_truth import errors
from .provider_names import NAIVE, PGKERN
from .suite import Suite


def _gradient_bytes(case: PolicyCase, inputs: PolicyInputs) -> int:
    return inputs.input_bytes if case.work == "both" else 0


SUITE = Suite(
    "policy_suite",
    PolicyCase,
    policy_inputs,
    providers,
    drop_gradients,
    errors,
    floor=FLOOR,
    must_run=(PGKERN, NAIVE, FLOOR),
    handed_over_bytes=_gradient_bytes,
)
