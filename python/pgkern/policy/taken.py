"""The numbers that belong to some of the rows."""

from torch import Tensor


def taken(values_N: Tensor | None, rows: slice | Tensor) -> Tensor | None:
    """Of these rows, where there are values."""
    return None if values_N is None else values_N[rows]


def taken_temperature(temperature: Tensor, rows: slice | Tensor) -> Tensor:
    """One for all of these rows, or theirs."""
    return temperature if temperature.shape[0] == 1 else temperature[rows]
