"""A configuration as the TOML that reads back to an equal one."""

from __future__ import annotations

import dataclasses
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin

from .annotations import NONE, element_types, field_types
from .config_error import ConfigError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def to_toml(config: DataclassInstance) -> str:
    """Write every value of a configuration as TOML that `load_config` reads back to an equal configuration.

    Raises ConfigError for a value that TOML cannot hold: the string "none" where None is allowed too, and text that
    is not valid Unicode.
    """
    lines: list[str] = []
    _write_table(config, "", lines)
    return "\n".join(lines).lstrip("\n") + "\n"


def _write_table(config: DataclassInstance, name: str, lines: list[str], header: str = "[{}]") -> None:
    tables: list[tuple[str, DataclassInstance, str]] = []
    values: list[str] = []
    for field_name, hint in field_types(type(config)).items():
        value = getattr(config, field_name)
        key = field_name if field_name.isascii() else _format_string(field_name)
        dotted = f"{name}.{key}" if name else key
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            tables.append((dotted, value, "[{}]"))
        elif isinstance(value, tuple) and value and all(dataclasses.is_dataclass(element) for element in value):
            tables += [(dotted, element, "[[{}]]") for element in value]
        else:
            values.append(f"{key} = {_format_value(hint, value, dotted)}")
    if name and (values or not tables or header != "[{}]"):
        lines += ["", header.format(name)]
    lines += values
    for dotted, table, of_table in tables:
        _write_table(table, dotted, lines, of_table)


def _format_value(hint: Any, value: object, key: str) -> str:  # noqa: ANN401 - an annotation
    if value is None:
        return f'"{NONE}"'
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, float):
        return float.__repr__(value)  # the shortest digits that read back equal; inf and nan are TOML too
    if isinstance(value, str | Path):
        text = str(value)
        is_optional = get_origin(hint) in (Union, types.UnionType) and type(None) in get_args(hint)
        if text == NONE and is_optional:
            raise ConfigError(f'{key}: the string "{NONE}" stands for None here and cannot be written')
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise ConfigError(f"{key} = {text!r}: not valid Unicode ({error.reason})") from error
        return _format_string(text)
    if isinstance(value, tuple):
        tuple_hints = [each for each in (hint, *get_args(hint)) if get_origin(each) is tuple]
        element_hints = element_types(tuple_hints[0], len(value)) if tuple_hints else (None,) * len(value)
        if len(element_hints) == len(value):
            pairs = zip(element_hints, value, strict=True)
            return f"[{', '.join(_format_value(each, item, key) for each, item in pairs)}]"
    raise TypeError(f"{key}: {value!r} of type {type(value).__name__} does not fit the field's type {hint!r}")


def _format_string(text: str) -> str:
    escapes = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t"}
    return '"' + "".join(escapes.get(c) or (f"\\u{ord(c):04x}" if c < " " or c == "\x7f" else c) for c in text) + '"'
