import math
from collections.abc import Callable
from typing import Any

import pytest

import pgkern

CALLS: dict[str, Callable[..., Any]] = {
    "equivalent": lambda **options: pgkern.equivalent("5", "5", **options),
    "verify": lambda **options: pgkern.verify("5", "5", **options),
    "verify_many": lambda **options: pgkern.verify_many(["5"], ["5"], **options),
    "explain": lambda **options: pgkern.explain("5", "5", **options),
}

every_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())


@every_call
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"tolerance": None},
        {"tolerance": 0},
        {"tolerance": 1e-6},
        *({"percent": choice} for choice in ("either", "hundredths", "number")),
        *({"units": choice} for choice in ("optional", "required", "ignored")),
        *({"order": choice} for choice in ("as_written", "ordered", "any")),
    ],
    ids=str,
)
def test_every_option_is_taken_everywhere(call: Callable[..., Any], options: dict[str, Any]) -> None:
    call(**options)


@every_call
@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"tolerance": -0.1}, ValueError, r"tolerance is -0.1: it must be a finite number from 0"),
        ({"tolerance": math.nan}, ValueError, "tolerance is nan"),
        ({"tolerance": math.inf}, ValueError, "tolerance is inf"),
        ({"tolerance": "1"}, TypeError, "tolerance must be a number or None, not str"),
        ({"percent": "half"}, ValueError, 'percent is "half": it must be one of either, hundredths, number'),
        ({"units": ""}, ValueError, 'units is "": it must be one of optional, required, ignored'),
        ({"order": "\ud800"}, ValueError, "it must be one of as_written, ordered, any"),
        ({"order": 5}, TypeError, "order must be str, not int"),
    ],
    ids=str,
)
def test_a_mistake_names_the_option_and_its_choices(
    call: Callable[..., Any], options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call(**options)
