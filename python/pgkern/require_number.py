"""Numbers outside their range, refused by name."""

import math
from numbers import Real


def require_number(name: str, value: object, low: float = -math.inf, high: float = math.inf) -> None:
    """Refuse what is no finite number from `low` to `high`; a bool is none.

    Raises:
        ValueError: with the argument's name, the range and what was given.
    """
    if isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value) and low <= float(value) <= high:
        return
    bounds = ""
    if low > -math.inf:
        bounds = f" from {low:g} to {high:g}" if high < math.inf else f" of at least {low:g}"
    raise ValueError(f"{name} must be a finite number{bounds}, got {value!r}")
