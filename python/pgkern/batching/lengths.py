"""The type of what everything here starts from."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Lengths: TypeAlias = Sequence[int] | npt.NDArray[np.integer]
"""Tokens of each sequence; an int64 array is read where it lies."""
