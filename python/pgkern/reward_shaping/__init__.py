"""What is added to the verified rewards: a penalty of responses that run out of budget, one of leaving a reference."""

from .kl_penalty_rewards import kl_penalty_rewards
from .overlong_penalty import overlong_penalty

__all__ = ["kl_penalty_rewards", "overlong_penalty"]
