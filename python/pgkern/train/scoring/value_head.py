"""The small regression from a hidden state to V(s) (primer eq. 22-25: any b(s) is a baseline, this one is learned)."""

import torch
from torch import Tensor, nn


class ValueHead(nn.Module):
    """`Linear(D, 1)(silu(Linear(D, D)(layer_norm(hidden))))`, in fp32 whatever the hidden states are in.

    The last layer starts at zero, so V(s) = 0 exactly until the first update, and so does the norm's scale not matter:
    models differ by orders of magnitude in the size of their hidden states. The seed decides the other layer.
    """

    def __init__(self, hidden_size: int, seed: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(hidden_size, elementwise_affine=False)
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.inner = nn.Linear(hidden_size, hidden_size)
            self.last = nn.Linear(hidden_size, 1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, hidden_RD: Tensor) -> Tensor:
        """`[R, D]` hidden states to `[R]` values."""
        values_R1: Tensor = self.last(nn.functional.silu(self.inner(self.norm(hidden_RD.float()))))
        return values_R1[:, 0]
