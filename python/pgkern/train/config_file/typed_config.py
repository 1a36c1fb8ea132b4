"""A frozen dataclass made of its defaults, a TOML file and `--set key=value`.

The dataclass is the schema: its annotations say which values are accepted, nested dataclasses are TOML tables, tuples
of them arrays of tables, and nothing is converted but an int where a float is wanted, a string where a Path is, and an
array where a tuple is.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Union, get_args, get_origin

from .annotations import NONE, as_class, describe_type, element_types, field_types, table_class
from .config_error import ConfigError, MismatchError, explain, suggest_key
from .toml_reader import parse_override, read_toml

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    ConfigT = TypeVar("ConfigT", bound=DataclassInstance)


def load_config(config_class: type[ConfigT], path: Path | None = None, overrides: Sequence[str] = ()) -> ConfigT:
    """Return ``config_class(...)`` with its defaults replaced by the file's values, and those by the overrides.

    An override is ``key=value`` with a dotted key, ``sampling.temperature=0.7``. Its value is read as a TOML value
    and, where that fails, as a bare string; of two overrides of one key the later one counts.

    Raises ConfigError for a file that cannot be read or is not TOML (with the line), an unknown key (with the nearest
    valid one), a missing key without a default, a value of the wrong type, and for every ValueError the dataclasses
    raise in ``__post_init__`` (with the name of their table).
    """
    changes = _Table()
    if path is not None:
        changes.merge(_typed_table(config_class, config_class, read_toml(path), "", str(path)))
    for override in overrides:
        changes.merge(_typed_table(config_class, config_class, parse_override(override), "", f"--set {override}"))
    sources = ([] if path is None else [str(path)]) + [f"--set {override}" for override in overrides]
    return _build(config_class, None, changes, "", ", ".join(sources) or "defaults")


class _Table(dict[str, Any]):
    """Checked values of one dataclass, possibly only some of its fields; a nested dataclass is a _Table again."""

    def merge(self, other: _Table) -> None:
        for name, value in other.items():
            mine = self.get(name)
            if isinstance(value, _Table) and isinstance(mine, _Table):
                mine.merge(value)
            else:
                self[name] = value


def _typed_table(
    root: type[DataclassInstance],
    config_class: type[DataclassInstance],
    raw: Mapping[str, Any],
    prefix: str,
    origin: str,
) -> _Table:
    hints = field_types(config_class)
    table = _Table()
    for name, value in raw.items():
        key = prefix + name
        if name not in hints:
            raise ConfigError(f"{origin}: unknown key {key!r}; {suggest_key(root, hints, name, prefix)}")
        try:
            table[name] = _typed_value(root, hints[name], value, key, origin)
        except MismatchError as mismatch:
            raise ConfigError(f"{origin}: {explain(mismatch)}") from None
    return table


def _typed_value(root: type[DataclassInstance], hint: Any, value: Any, key: str, origin: str) -> Any:  # noqa: ANN401
    kind = get_origin(hint)
    if kind in (Union, types.UnionType):
        return _typed_union(root, hint, value, key, origin)
    if kind is Literal:
        for choice in get_args(hint):
            if type(value) is type(choice) and value == choice:
                return choice
    elif kind is tuple:
        if isinstance(value, list):
            element_hints = element_types(hint, len(value))
            if len(element_hints) == len(value):
                pairs = enumerate(zip(element_hints, value, strict=True))
                return tuple(_typed_value(root, each, item, f"{key}[{i}]", origin) for i, (each, item) in pairs)
    elif dataclasses.is_dataclass(hint):
        if isinstance(value, dict):
            return _typed_table(root, as_class(hint), value, f"{key}.", origin)
    elif hint is float:
        if type(value) in (int, float):
            try:
                return float(value)
            except OverflowError:
                pass
    elif hint is Path:
        if isinstance(value, str):
            return Path(value)
    elif hint in (bool, int, str):
        if type(value) is hint:  # not isinstance: True is an int for Python, and a mistake in a configuration
            return value
    else:
        raise TypeError(f"{key}: a configuration field cannot have the type {hint!r}")
    raise MismatchError(key, value, describe_type(hint))


def _typed_union(root: type[DataclassInstance], hint: Any, value: Any, key: str, origin: str) -> Any:  # noqa: ANN401
    if value == NONE and type(None) in get_args(hint):
        return None
    for member in get_args(hint):
        if member is type(None):
            continue
        try:
            return _typed_value(root, member, value, key, origin)
        except MismatchError as mismatch:
            if mismatch.key != key:  # an element of an array is wrong: name the element
                raise
    raise MismatchError(key, value, describe_type(hint))


def _build(
    config_class: type[ConfigT], base: ConfigT | None, changes: _Table, table_name: str, sources: str
) -> ConfigT:
    hints = field_types(config_class)
    where = f"table [{table_name}]" if table_name else "top level"
    values: dict[str, Any] = {}
    for field in dataclasses.fields(config_class):
        name = field.name
        if name not in hints:
            continue
        default = _default(field) if base is None else getattr(base, name)
        if name in changes and not isinstance(changes[name], _Table):
            values[name] = _built_elements(hints[name], changes[name], f"{table_name}.{name}".lstrip("."), sources)
            continue
        nested = table_class(hints[name])
        if nested is not None and (name in changes or default is dataclasses.MISSING):
            nested_name = f"{table_name}.{name}" if table_name else name
            nested_base = default if isinstance(default, nested) else None
            values[name] = _build(nested, nested_base, changes.get(name, _Table()), nested_name, sources)
        elif default is dataclasses.MISSING:
            raise ConfigError(f"{sources}: {where}: the key {name!r} is missing and has no default")
        else:
            values[name] = default
    try:
        return config_class(**values)
    except ValueError as error:
        raise ConfigError(f"{sources}: {where}: {error}") from error


def _built_elements(hint: Any, value: Any, name: str, sources: str) -> Any:  # noqa: ANN401 - any value
    """The value with each element that is a table built, as in ``rewards: tuple[Reward, ...]``."""
    if not isinstance(value, tuple) or not any(isinstance(element, _Table) for element in value):
        return value
    pairs = zip(element_types(hint, len(value)), value, strict=True)
    return tuple(_build(each, None, element, f"{name}[{i}]", sources) for i, (each, element) in enumerate(pairs))


def _default(field: dataclasses.Field[Any]) -> Any:  # noqa: ANN401 - the field's type
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default
