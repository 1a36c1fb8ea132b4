r"""Arithmetic as a model writes it, read and evaluated exactly; nothing of the text is ever run.

    equation   = sum ["=" number]
    sum        = product {("+" | "-") product}
    product    = factor {("*" | "/") factor}
    factor     = number | "(" sum ")" | "\frac" group group
    group      = "{" sum "}"

No sign before a number, no power, no product without its mark. Whatever the text, reading it takes time in proportion
to its length: a number takes part only as often as it is allowed, so no value outgrows those numbers.
"""

import re
from collections import Counter
from dataclasses import dataclass
from fractions import Fraction

MAX_CHARACTERS = 10_000
MAX_DEPTH = 50
_TOKEN = re.compile(r"\s*(?:([0-9]{1,100}(?:\.[0-9]{1,100})?)(?![0-9.])|(\\[a-z]+|[-+*/()\[\]{}=×÷·−]))", re.ASCII)
_SPELLINGS = {
    **dict.fromkeys(["\\times", "\\cdot", "×", "·"], "*"),
    **dict.fromkeys(["\\div", "÷"], "/"),
    **dict.fromkeys(["\\dfrac", "\\tfrac"], "\\frac"),
    "−": "-",
    "[": "(",
    "]": ")",
}
_SILENT = {"\\left", "\\right"}


class NotArithmeticError(Exception):
    """The text is no arithmetic; the message says what is in the way."""


class TooMuchError(Exception):
    """The text is longer or deeper than is read; the message says so."""


@dataclass(frozen=True)
class Evaluated:
    """An expression's value and the numbers it is made of."""

    value: Fraction
    used: Counter[Fraction]
    claimed: Fraction | None
    """What stands behind an equals sign."""


class NumberNotAllowedError(Exception):
    """A number that is none of those allowed, or is there more often; the message is that number."""


def evaluate(text: str, allowed: Counter[Fraction]) -> Evaluated:
    """Evaluate `text`, in which each number may stand as often as `allowed` says.

    Raises `NotArithmeticError`, `NumberNotAllowedError`, `TooMuchError`, and `ZeroDivisionError`.
    """
    if len(text) > MAX_CHARACTERS:
        raise TooMuchError(f"the expression has {len(text)} characters, more than {MAX_CHARACTERS}")
    reader = _Reader(_tokens(text), allowed)
    value = reader.sum(0)
    claimed = None
    if reader.take("="):
        claimed = reader.number()
    reader.end()
    return Evaluated(value, reader.used, claimed)


def _tokens(text: str) -> list[str]:
    tokens = []
    at, end = 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None:
            raise NotArithmeticError(f"{text[at : at + 20].strip()!r} is no part of an expression")
        token = match[1] or _SPELLINGS.get(match[2], match[2])
        if token not in _SILENT:
            tokens.append(token)
        at = match.end()
    return tokens


class _Reader:
    """Evaluates as it reads, one method a rule of the grammar."""

    def __init__(self, tokens: list[str], allowed: Counter[Fraction]) -> None:
        self._tokens = tokens
        self._at = 0
        self._allowed = allowed
        self.used: Counter[Fraction] = Counter()

    def take(self, token: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at] == token:
            self._at += 1
            return True
        return False

    def expect(self, token: str) -> None:
        if not self.take(token):
            raise NotArithmeticError(f"{token!r} expected, got {self._here()}")

    def end(self) -> None:
        if self._at < len(self._tokens):
            raise NotArithmeticError(f"an operator expected, got {self._here()}")

    def number(self) -> Fraction:
        if self._at == len(self._tokens) or not self._tokens[self._at][0].isdigit():
            raise NotArithmeticError(f"a number expected, got {self._here()}")
        self._at += 1
        return Fraction(self._tokens[self._at - 1])

    def sum(self, depth: int) -> Fraction:
        if depth > MAX_DEPTH:
            raise TooMuchError(f"the expression is nested more than {MAX_DEPTH} deep")
        value = self._product(depth)
        while True:
            if self.take("+"):
                value += self._product(depth)
            elif self.take("-"):
                value -= self._product(depth)
            else:
                return value

    def _product(self, depth: int) -> Fraction:
        value = self._factor(depth)
        while True:
            if self.take("*"):
                value *= self._factor(depth)
            elif self.take("/"):
                value /= self._factor(depth)
            else:
                return value

    def _factor(self, depth: int) -> Fraction:
        if self.take("("):
            value = self.sum(depth + 1)
            self.expect(")")
            return value
        if self.take("\\frac"):
            return self._group(depth) / self._group(depth)
        value = self.number()
        self.used[value] += 1
        if self.used[value] > self._allowed[value]:
            raise NumberNotAllowedError(self._tokens[self._at - 1])
        return value

    def _group(self, depth: int) -> Fraction:
        self.expect("{")
        value = self.sum(depth + 1)
        self.expect("}")
        return value

    def _here(self) -> str:
        return repr(self._tokens[self._at]) if self._at < len(self._tokens) else "the end"
