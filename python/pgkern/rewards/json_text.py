"""JSON read strictly and exactly: no key twice, no NaN, and every number by its decimal text."""

import json
import re
from collections import Counter
from typing import Any, NamedTuple, NoReturn

MAX_CHARACTERS = 100_000
MAX_DEPTH = 100
_MARKS = re.compile(r'["\\\[\]{}]')


class Decimal(NamedTuple):
    """`digits` · 10^`exponent`, its sign in the digits, no zeros at either end: one spelling for each number."""

    digits: str
    exponent: int


class NotJsonError(Exception):
    """The text is no JSON that is read here; the message says why."""


def read_json(text: str) -> Any:  # noqa: ANN401
    """The value that `text` is, numbers as `Decimal`: 1, 1.0 and 10e-1 are equal, 1e400 is itself, True is not 1.

    Raises `NotJsonError`.
    """
    if len(text) > MAX_CHARACTERS:
        raise NotJsonError(f"it has {len(text)} characters, more than {MAX_CHARACTERS}")
    _refuse_depth(text)
    try:
        return json.loads(
            text,
            object_pairs_hook=_object,
            parse_float=_decimal,
            parse_int=_decimal,
            parse_constant=_refuse_constant,
        )
    except ValueError as error:
        raise NotJsonError(str(error)) from None


def _refuse_depth(text: str) -> None:
    """Looked at beforehand: how deep Python itself can go depends on who calls."""
    depth, in_string, escaped_at = 0, False, -1
    for match in _MARKS.finditer(text):
        mark, at = match[0], match.start()
        if in_string:
            if at == escaped_at:
                continue
            if mark == "\\":
                escaped_at = at + 1
            elif mark == '"':
                in_string = False
        elif mark == '"':
            in_string = True
        elif mark in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise NotJsonError(f"it is nested more than {MAX_DEPTH} deep")
        elif mark in "]}":
            depth -= 1


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) < len(pairs):
        (twice, _), *_ = Counter(key for key, _ in pairs).most_common(1)
        raise NotJsonError(f"key {twice[:80]!r} is there more than once")
    return read


def _decimal(text: str) -> Decimal:
    mantissa, _, exponent = text.lower().partition("e")
    sign = "-" if mantissa.startswith("-") else ""
    whole, _, fraction = mantissa.removeprefix("-").partition(".")
    digits = (whole + fraction).lstrip("0")
    if not digits:
        return Decimal("0", 0)
    if len(exponent) > 18:
        raise NotJsonError(f"a number has an exponent of {len(exponent)} characters")
    kept = digits.rstrip("0")
    return Decimal(sign + kept, int(exponent or 0) - len(fraction) + len(digits) - len(kept))


def _refuse_constant(name: str) -> NoReturn:
    raise NotJsonError(f"{name} is no JSON")
