"""What a configuration's dataclasses say of their fields: they are the schema."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin, get_type_hints

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

NONE = "none"
"""TOML has no null: this string is None in a field whose type allows it."""


def field_types(config_class: type[DataclassInstance]) -> dict[str, Any]:
    """The annotations of the fields that can be given."""
    hints = get_type_hints(config_class)
    return {field.name: hints[field.name] for field in dataclasses.fields(config_class) if field.init}


def table_class(hint: Any) -> type[DataclassInstance] | None:  # noqa: ANN401 - an annotation
    """The dataclass in ``Sampling`` or ``Sampling | None``."""
    members = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    return next((as_class(member) for member in members if dataclasses.is_dataclass(member)), None)


def as_class(hint: Any) -> type[DataclassInstance]:  # noqa: ANN401 - an annotation
    """The annotation of a table, which is its class."""
    assert isinstance(hint, type)
    return hint


def element_types(hint: Any, length: int) -> tuple[Any, ...]:  # noqa: ANN401 - an annotation
    """The annotations of a tuple's elements, where it has so many of them; of a fixed number, all."""
    arguments = get_args(hint)
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return (arguments[0],) * length
    return () if arguments == ((),) else arguments  # Python 3.10 spells the arguments of tuple[()] as ((),)


def leaf_keys(config_class: type[DataclassInstance], prefix: str = "") -> Iterator[str]:
    """Every dotted key that has a value and is no table."""
    for name, hint in field_types(config_class).items():
        table = table_class(hint)
        if table is None:
            yield prefix + name
        else:
            yield from leaf_keys(table, f"{prefix}{name}.")


def describe_type(hint: Any) -> str:  # noqa: ANN401 - an annotation
    """The values that an annotation takes, in words."""
    kind = get_origin(hint)
    if kind in (Union, types.UnionType):
        members = [describe_type(member) for member in get_args(hint) if member is not type(None)]
        return " or ".join([*members, f'"{NONE}"'] if type(None) in get_args(hint) else members)
    if kind is Literal:
        return "one of " + ", ".join(repr(choice) for choice in get_args(hint))
    if kind is tuple:
        arguments = get_args(hint)
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return f"array of {describe_type(arguments[0])}"
        elements = element_types(hint, 0)
        return f"array of exactly {len(elements)}: [{', '.join(describe_type(each) for each in elements)}]"
    if hint is bool:
        return "bool (true or false)"
    if hint is Path:
        return "path (a string)"
    return "table" if dataclasses.is_dataclass(hint) else str(hint.__name__)
