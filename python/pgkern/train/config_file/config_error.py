"""A mistake in a configuration, in words that say what to write instead."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .annotations import leaf_keys

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


class ConfigError(ValueError):
    """A mistake in a configuration, told with the file or option, the key and the value."""


class MismatchError(Exception):
    """A value that its field does not take; `explain` says it."""

    def __init__(self, key: str, value: object, expected: str) -> None:
        self.key, self.value, self.expected = key, value, expected


def suggest_key(root: type[DataclassInstance], hints: Mapping[str, Any], name: str, prefix: str) -> str:
    """What an unknown key may have been meant to be, or which there are."""
    if near := difflib.get_close_matches(name, hints, n=1):
        return f"did you mean {prefix + near[0]!r}?"
    by_last_name = {key.rpartition(".")[2]: key for key in leaf_keys(root)}  # a right key in the wrong table
    if near := difflib.get_close_matches(name, by_last_name, n=1, cutoff=0.75):
        return f"did you mean {by_last_name[near[0]]!r}?"
    return f"valid keys {'of [' + prefix[:-1] + ']' if prefix else 'at the top level'}: {', '.join(hints)}"


def explain(mismatch: MismatchError) -> str:
    """The key, its value, what was expected, and what a likely slip should have been."""
    value, expected = mismatch.value, mismatch.expected
    names: dict[type, str] = {dict: "table", list: "array"}
    found = names.get(type(value), type(value).__name__)
    message = f"{mismatch.key} = {_show(value)} is of type {found}, expected {expected}"
    if isinstance(value, str):
        choices = re.findall(r"'([^']*)'", expected)
        if near := difflib.get_close_matches(value, choices, n=1):
            return f"{message}; did you mean {near[0]!r}?"
        if expected.startswith("bool") and value.lower() in ("true", "false"):
            return f"{message}; did you mean {value.lower()}, without quotes and in lower case?"
    elif found not in ("table", "array") and expected.split()[0] in ("str", "path"):
        return f"{message}; for text write quotes: {mismatch.key}='\"{value}\"'"
    return message


def _show(value: object) -> str:
    text = repr(value) if not isinstance(value, bool) else str(value).lower()
    return text if len(text) <= 80 else text[:77] + "..."
