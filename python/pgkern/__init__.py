"""Policy-gradient training of language models on verifiable rewards.

Every public name is loaded on first use, so `import pgkern` is quick and needs neither torch nor transformers:
the verifier and the batcher run with numpy alone.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import advantages as advantages
    from . import returns as returns
    from . import reward_shaping as reward_shaping
    from . import rewards as rewards
    from . import values as values
    from .batching import CollatedBatch as CollatedBatch
    from .batching import Ragged as Ragged
    from .batching import attention_crossover as attention_crossover
    from .batching import balance as balance
    from .batching import collate_packed as collate_packed
    from .batching import collate_padded as collate_padded
    from .batching import imbalance as imbalance
    from .batching import pack_balanced as pack_balanced
    from .batching import pack_sequences as pack_sequences
    from .batching import pack_sequences_flat as pack_sequences_flat
    from .explanation import Explanation as Explanation
    from .policy.linear_log_probs import linear_token_log_probs as linear_token_log_probs
    from .policy.linear_policy_loss import linear_policy_loss as linear_policy_loss
    from .policy.lm_head_arguments import lm_head_arguments as lm_head_arguments
    from .policy.logits_policy_loss import logits_policy_loss as logits_policy_loss
    from .policy.objective import PolicyObjective as PolicyObjective
    from .policy.policy_loss import PolicyLoss as PolicyLoss
    from .policy.policy_loss import policy_loss as policy_loss
    from .policy.token_log_probs import token_log_probs as token_log_probs
    from .verdict import Verdict as Verdict
    from .verification import equivalent as equivalent
    from .verification import explain as explain
    from .verification import extract_answer as extract_answer
    from .verification import verify as verify
    from .verification import verify_many as verify_many

    __version__: str

_HOME_OF_NAME = {
    "CollatedBatch": "batching",
    "Explanation": "explanation",
    "PolicyLoss": "policy.policy_loss",
    "PolicyObjective": "policy.objective",
    "Ragged": "batching",
    "Verdict": "verdict",
    "attention_crossover": "batching",
    "balance": "batching",
    "collate_packed": "batching",
    "collate_padded": "batching",
    "equivalent": "verification",
    "explain": "verification",
    "extract_answer": "verification",
    "imbalance": "batching",
    "linear_policy_loss": "policy.linear_policy_loss",
    "linear_token_log_probs": "policy.linear_log_probs",
    "lm_head_arguments": "policy.lm_head_arguments",
    "logits_policy_loss": "policy.logits_policy_loss",
    "pack_balanced": "batching",
    "pack_sequences": "batching",
    "pack_sequences_flat": "batching",
    "policy_loss": "policy.policy_loss",
    "token_log_probs": "policy.token_log_probs",
    "verify": "verification",
    "verify_many": "verification",
}
_PUBLIC_MODULES = ("advantages", "returns", "reward_shaping", "rewards", "values")

__all__ = [*sorted(_HOME_OF_NAME), *_PUBLIC_MODULES]


def __getattr__(name: str) -> object:
    if name in _HOME_OF_NAME:
        value: object = getattr(import_module(f"{__name__}.{_HOME_OF_NAME[name]}"), name)
    elif name in _PUBLIC_MODULES:
        value = import_module(f"{__name__}.{name}")
    elif name == "__version__":
        from importlib.metadata import version

        value = version("pgkern")
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value  # the next look-up does not come here
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
