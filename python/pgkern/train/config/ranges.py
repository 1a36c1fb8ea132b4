"""What a number of the configuration may be."""

import math


def at_least(name: str, value: float, least: float) -> None:
    """Raise `ValueError` for a number below `least`, or one that is not finite."""
    if not least <= value < math.inf:
        raise ValueError(f"{name} is {value}, expected at least {least}")


def positive(name: str, value: float) -> None:
    """Raise `ValueError` for a number that is not above 0, or not finite."""
    if not 0.0 < value < math.inf:
        raise ValueError(f"{name} is {value}, expected a finite number above 0")


def share(name: str, value: float) -> None:
    """Raise `ValueError` for a number outside 0 to 1."""
    if not 0.0 <= value <= 1.0:
        raise ValueError(f"{name} is {value}, expected 0 to 1")
