"""Memory that one block of rows after the other works in.

Taken anew for every block, the operating system would hand out fresh pages each time, which costs more than the work.
"""

import torch
from torch import Tensor


class Room:
    """`[rows, columns]` of one dtype, kept from call to call."""

    def __init__(self, dtype: torch.dtype) -> None:
        self._dtype = dtype
        self._memory: Tensor | None = None

    def rows(self, rows: int, columns: int, device: torch.device) -> Tensor:
        """Uninitialised, and the same memory each time where it is large enough."""
        memory = self._memory
        if memory is None or memory.shape[0] < rows or memory.shape[1] != columns:
            memory = self._memory = torch.empty(rows, columns, dtype=self._dtype, device=device)
        return memory[:rows]

    def copy_of(self, rows_TV: Tensor) -> Tensor:
        """These rows, in the room's dtype."""
        return self.rows(rows_TV.shape[0], rows_TV.shape[1], rows_TV.device).copy_(rows_TV)
