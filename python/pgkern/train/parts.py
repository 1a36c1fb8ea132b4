"""What a policy-gradient step works with."""

from dataclasses import dataclass

from torch.optim import Optimizer

from ..rollout.engine import RolloutEngine
from .config import TrainConfig
from .judging.rewards_in_loop import RewardJudge
from .model.policy_model import Policy
from .sampling.ahead import RolloutsAhead
from .scoring.reference import Reference
from .scoring.value_function import ValueFunction
from .state import TrainerState
from .tasks import Task


@dataclass
class Parts:
    """The policy and everything around it; `state` is the only part that is not saved and loaded by itself."""

    config: TrainConfig
    task: Task
    policy: Policy
    engine: RolloutEngine
    judge: RewardJudge
    optimizer: Optimizer
    state: TrainerState
    value: ValueFunction | None = None
    """V(s), for baseline "value"."""
    reference: Reference | None = None
    """The policy before its first step, for a KL penalty."""
    ahead: RolloutsAhead | None = None
    """The next step's rollouts, for `rollouts.staleness` 1."""
