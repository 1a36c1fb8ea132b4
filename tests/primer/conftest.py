"""A policy so small that every episode is written down, and the real losses' gradients on any of them.

Three tokens, of which 0 ends the text, and at most three of them: 7 states (prefixes), 15 episodes, 21 parameters.
An expectation is a sum over the episodes, weighed by their probabilities: no test here samples anything.
Names: T tokens of episodes packed in a row, E = 15 episodes, D = 7 states, V = 3 tokens, P = 21 parameters.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor

from pgkern import PolicyObjective, linear_policy_loss, logits_policy_loss, policy_loss

END, VOCABULARY, HORIZON = 0, 3, 3
STATES = [prefix for length in range(HORIZON) for prefix in product((1, 2), repeat=length)]
EPISODES = [(*prefix, END) for prefix in STATES] + list(product((1, 2), repeat=HORIZON))
REINFORCE = PolicyObjective.reinforce(reduction="sum")
LOSSES = ("policy_loss", "logits_policy_loss", "linear_policy_loss")


@dataclass(frozen=True)
class Tiny:
    """`weight[a, s]` is the logit of token a after the prefix s: hidden states are one-hot rows."""

    weight: Tensor

    # Every episode once, packed:
    states_T = torch.tensor([STATES.index(episode[:t]) for episode in EPISODES for t in range(len(episode))])
    actions_T = torch.tensor([action for episode in EPISODES for action in episode])
    ids_T = torch.tensor([e for e, episode in enumerate(EPISODES) for _ in episode])
    positions_T = torch.tensor([t for episode in EPISODES for t in range(len(episode))])
    last_T = torch.tensor([t + 1 == len(episode) for episode in EPISODES for t in range(len(episode))])

    def log_probs(self) -> Tensor:
        """log π(a|s) of every token, with its gradient (eq. 3)."""
        return self.weight.T.log_softmax(-1)[self.states_T, self.actions_T]

    def probabilities(self) -> Tensor:
        """p(τ) = Π π(a|s), with its gradient."""
        return self.sums(self.log_probs()).exp()

    def sums(self, values_T: Tensor) -> Tensor:
        """Every episode's sum."""
        return values_T.new_zeros(len(EPISODES)).index_add(0, self.ids_T, values_T)

    def gradient_of(self, scalar: Tensor) -> Tensor:
        """`[P]`, by autograd."""
        return torch.autograd.grad(scalar, self.weight)[0].flatten()

    def true_gradient(self, returns_E: Tensor) -> Tensor:
        """∇J, J = Σ p(τ) R(τ) (eq. 7), by differentiating the sum itself."""
        return self.gradient_of((self.probabilities() * returns_E).sum())

    def state_values(self, to_go_T: Tensor) -> Tensor:
        """The policy's own V(s) at every token: the mean of what is still to come over the episodes through s."""
        p_T = self.probabilities().detach()[self.ids_T]
        sums_D = p_T.new_zeros(len(STATES)).index_add(0, self.states_T, p_T * to_go_T)
        mass_D = p_T.new_zeros(len(STATES)).index_add(0, self.states_T, p_T)
        return (sums_D / mass_D)[self.states_T]

    def steps_up(
        self,
        batches: Sequence[Sequence[int]],
        advantages: Iterable[Tensor],
        objective: PolicyObjective = REINFORCE,
        loss: str = "policy_loss",
        num_sequences: int | None = None,
        num_tokens: int | None = None,
        **log_probs_T: Tensor,
    ) -> Tensor:
        """`[batches, P]`: minus the gradient of a real loss on each batch of episodes.

        One call for all of them: every batch reads a copy of the weight of its own, so each has its own gradient, and
        is told its own counts.
        `advantages` has a row for every episode of every batch; `log_probs_T` (old, ref, rollout) belong to all
        episodes, and those of the batches are picked.
        """
        rows = [(self.ids_T == e).nonzero()[:, 0] for batch in batches for e in batch]
        rows_T, counts_S = torch.cat(rows), torch.tensor([len(row) for row in rows])
        batch_S = torch.arange(len(batches)).repeat_interleave(torch.tensor([len(batch) for batch in batches]))
        columns_T = batch_S.repeat_interleave(counts_S) * len(STATES) + self.states_T[rows_T]
        hidden_TD = torch.zeros(len(rows_T), len(batches) * len(STATES), dtype=torch.float64)
        hidden_TD[torch.arange(len(rows_T)), columns_T] = 1.0
        weight_VD = self.weight.detach().repeat(1, len(batches)).requires_grad_()

        token_ids_T, advantages_T = self.actions_T[rows_T], torch.cat(list(advantages))
        given: dict[str, Any] = {name: values_T[rows_T] for name, values_T in log_probs_T.items()}
        given["sequence_ids"] = torch.arange(len(rows)).repeat_interleave(counts_S)
        given |= {"objective": objective, "num_sequences": num_sequences, "num_tokens": num_tokens}
        rest = advantages_T, torch.ones_like(token_ids_T, dtype=torch.bool)
        if loss == "linear_policy_loss":
            found = linear_policy_loss(hidden_TD, weight_VD, token_ids_T, *rest, **given)
        elif loss == "logits_policy_loss":
            found = logits_policy_loss(hidden_TD @ weight_VD.T, token_ids_T, *rest, **given)
        else:
            log_probs_TV = (hidden_TD @ weight_VD.T).log_softmax(-1)
            found = policy_loss(log_probs_TV[torch.arange(len(rows_T)), token_ids_T], *rest, **given)
        (gradient_VD,) = torch.autograd.grad(found.loss, weight_VD)
        per_batch = -gradient_VD.reshape(VOCABULARY, len(batches), len(STATES)).transpose(0, 1)
        return per_batch.reshape(len(batches), -1)

    def estimates(
        self,
        advantages_T: Tensor,
        objective: PolicyObjective = REINFORCE,
        loss: str = "policy_loss",
        **log_probs_T: Tensor,
    ) -> Tensor:
        """`[E, P]`: the estimate that each episode alone gives, with advantages per token of all of them."""
        return self.steps_up([[e] for e in range(len(EPISODES))], [advantages_T], objective, loss, **log_probs_T)

    def mean(self, estimates_EP: Tensor) -> Tensor:
        """Their exact expectation under this policy, `[P]`."""
        return self.probabilities().detach() @ estimates_EP

    def variance(self, estimates_EP: Tensor) -> float:
        """Their exact variance under this policy, summed over the parameters."""
        squares_E = (estimates_EP - self.mean(estimates_EP)).square().sum(1)
        return float(self.probabilities().detach() @ squares_E)


def random_policy(seed: int, scale: float = 0.8) -> Tiny:
    generator = torch.Generator().manual_seed(seed)
    weight = scale * torch.randn(VOCABULARY, len(STATES), dtype=torch.float64, generator=generator)
    return Tiny(weight.requires_grad_())


@pytest.fixture
def policy() -> Tiny:
    """The policy that is trained."""
    return random_policy(6)


@pytest.fixture
def other() -> Tiny:
    """Another policy: the one that sampled, or the reference."""
    return random_policy(18)


@pytest.fixture
def near(policy: Tiny) -> Tiny:
    """A policy so near to the trained one that no ratio of theirs is beyond a clip of 0.2."""
    difference = random_policy(3, scale=0.05).weight
    return Tiny((policy.weight + difference).detach().requires_grad_())


def verified_rewards() -> Tensor:
    """0 on the way, and 1 at the last token of a text that ends in time, in a 1 before the end (§6.3)."""
    right = [episode[-1] == END and 1 in episode[-2:] for episode in EPISODES]
    return torch.tensor(right, dtype=torch.float64)[Tiny.ids_T] * Tiny.last_T


def rewards_everywhere() -> Tensor:
    """Any number for any action after any prefix."""
    generator = torch.Generator().manual_seed(4)
    table_DV = torch.randn(len(STATES), VOCABULARY, dtype=torch.float64, generator=generator)
    return table_DV[Tiny.states_T, Tiny.actions_T]


@pytest.fixture(name="rewards_T", params=[verified_rewards, rewards_everywhere], ids=["verified", "everywhere"])
def rewards_of_tokens(request: pytest.FixtureRequest) -> Tensor:
    """The reward of every token of every episode: a function of prefix and action, never of what comes later."""
    rewards: Tensor = request.param()
    return rewards


def same(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


def differ(found: Tensor, expected: Tensor, by: float = 1e-2) -> None:
    assert (found - expected).norm() > by * expected.norm()
