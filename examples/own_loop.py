"""The fused loss and the verifier in a training loop of one's own: `python examples/own_loop.py`.

The policy is a table of states and a head; it answers "2 + 3" with one token, and the verdict is its reward.
"""

import torch

import pgkern
from pgkern.advantages import group_mean

VOCABULARY = [str(number) for number in range(19)]
QUESTIONS = [(a, b) for a in range(10) for b in range(10)]
SAMPLES = 16


def train(steps: int = 300, seed: int = 0) -> tuple[float, float]:
    """The mean reward in the first and in the last step."""
    torch.manual_seed(seed)
    hidden = torch.nn.Parameter(torch.randn(len(QUESTIONS), 32) * 0.1)  # what the policy knows of each question
    head = torch.nn.Linear(32, len(VOCABULARY), bias=False)
    optimizer = torch.optim.AdamW([hidden, *head.parameters()], lr=0.03)
    golds = [str(a + b) for a, b in QUESTIONS for _ in range(SAMPLES)]
    means = []
    for _ in range(steps):
        states = hidden.repeat_interleave(SAMPLES, dim=0)
        with torch.no_grad():
            actions = torch.distributions.Categorical(logits=head(states)).sample()
        verdicts = pgkern.verify_many([VOCABULARY[action] for action in actions.tolist()], golds)
        rewards = torch.from_numpy((verdicts == pgkern.Verdict.CORRECT).astype("float32"))
        result = pgkern.linear_policy_loss(
            states,
            head.weight,
            actions,
            group_mean(rewards, SAMPLES),
            torch.ones_like(actions),
            objective=pgkern.PolicyObjective.reinforce(),
        )
        optimizer.zero_grad()
        result.loss.backward()
        optimizer.step()
        means.append(float(rewards.mean()))
    return means[0], means[-1]


if __name__ == "__main__":
    before, after = train()
    print(f"mean reward: {before:.2f} -> {after:.2f}")
