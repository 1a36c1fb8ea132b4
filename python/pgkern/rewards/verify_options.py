"""What a reward passes on to the verifier."""

from typing import TypedDict

from ..verification import Order, Percent, Units


class VerifyOptions(TypedDict, total=False):
    """The options of `pgkern.verify` that say what counts as equal; where the answer stands is the reward's own."""

    tolerance: float | None
    percent: Percent
    units: Units
    order: Order
