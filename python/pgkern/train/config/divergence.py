"""When a run has gone wrong, and what then."""

from dataclasses import dataclass
from typing import Literal

from .ranges import at_least, positive, share

OnDivergence = Literal["stop", "roll_back", "ignore"]


@dataclass(frozen=True)
class DivergenceConfig:
    """A loss, gradient or weight that is not finite, a ratio that explodes, an entropy or a reward that collapses."""

    action: OnDivergence = "stop"  # at the last checkpoint from before; "roll_back" goes on from there
    max_ratio: float = 1e4  # of a token's probability to its old one
    min_entropy: float = 1e-4  # nats a token, mean of a step with fewer than 95 % of the answers correct
    patience: int = 3  # steps in a row that ratio or entropy may be out of bounds; evaluations, for their reward
    min_reward_share: float = 0.5  # of the run's best reward, in training as in validation; 0 leaves both alone
    reward_window: int = 20  # steps whose mean can be the best; the first so many say nothing yet
    reward_patience: float = 20.0  # steps without any reward, or more of them with too little
    max_roll_backs: int = 3  # after that the run stops
    learning_rate_factor: float = 0.5  # for each roll-back, which also takes other samples

    def __post_init__(self) -> None:
        positive("max_ratio", self.max_ratio)
        at_least("min_entropy", self.min_entropy, 0.0)
        at_least("patience", self.patience, 1)
        share("min_reward_share", self.min_reward_share)
        at_least("reward_window", self.reward_window, 2)
        positive("reward_patience", self.reward_patience)
        at_least("max_roll_backs", self.max_roll_backs, 0)
        positive("learning_rate_factor", self.learning_rate_factor)
