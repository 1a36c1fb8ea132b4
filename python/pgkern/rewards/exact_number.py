"""A number that a caller gives, exactly: what a decimal says, not the nearest double."""

import math
import re
from decimal import Decimal
from fractions import Fraction
from numbers import Integral, Rational, Real
from typing import TypeAlias

Number: TypeAlias = int | float | Fraction | Decimal | str
"""A number, or how it is written: `"2.5"`, `"-7/3"`."""

_WRITTEN = re.compile(r"-?[0-9]{1,100}(?:\.[0-9]{1,100}|/[0-9]{1,100})?")


def exact_number(value: object) -> Fraction | None:
    """The value as a fraction, a float as the decimal it prints; None where it is no finite number."""
    if isinstance(value, bool):
        return None
    if isinstance(value, Integral):
        return Fraction(int(value))
    if isinstance(value, Rational):
        return Fraction(value)
    if isinstance(value, Decimal):
        # An exponent of a million would be a million digits.
        return Fraction(value) if value.is_finite() and abs(value.adjusted()) <= 1000 else None
    if isinstance(value, Real):  # in its own precision: NumPy's 32-bit 0.3 prints 0.3
        return Fraction(str(value)) if math.isfinite(value) else None
    if isinstance(value, str) and _WRITTEN.fullmatch(value.strip()):
        try:
            return Fraction(value.strip())
        except ZeroDivisionError:
            return None
    return None
