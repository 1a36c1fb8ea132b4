"""A frozen dataclass read from its defaults, a TOML file and `--set key=value`, and written back as TOML.

The dataclass is the schema: its annotations say which values are accepted, nested dataclasses are TOML tables, tuples
of them arrays of tables, and nothing is converted but an int where a float is wanted, a string where a Path is, and an
array where a tuple is.
TOML has no null, so the string "none" stands for None in a field whose type allows it.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
import sys
import types
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # type: ignore[import-not-found, unused-ignore]

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    ConfigT = TypeVar("ConfigT", bound=DataclassInstance)

_NONE = "none"


class ConfigError(ValueError):
    """A mistake in a configuration, told with the file or option, the key and the value."""


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
        changes.merge(_typed_table(config_class, config_class, _parse_override(override), "", f"--set {override}"))
    sources = ([] if path is None else [str(path)]) + [f"--set {override}" for override in overrides]
    return _build(config_class, None, changes, "", ", ".join(sources) or "defaults")


def to_toml(config: DataclassInstance) -> str:
    """Write every value of a configuration as TOML that `load_config` reads back to an equal configuration.

    Raises ConfigError for a value that TOML cannot hold: the string "none" where None is allowed too, and text that
    is not valid Unicode.
    """
    lines: list[str] = []
    _write_table(config, "", lines)
    return "\n".join(lines).lstrip("\n") + "\n"


# --- reading -------------------------------------------------------------------------------------------------------


class _Table(dict[str, Any]):
    """Checked values of one dataclass, possibly only some of its fields; a nested dataclass is a _Table again."""

    def merge(self, other: _Table) -> None:
        for name, value in other.items():
            mine = self.get(name)
            if isinstance(value, _Table) and isinstance(mine, _Table):
                mine.merge(value)
            else:
                self[name] = value


class _MismatchError(Exception):
    def __init__(self, key: str, value: object, expected: str) -> None:
        self.key, self.value, self.expected = key, value, expected


def read_toml(path: Path) -> dict[str, Any]:
    """Return a TOML file as it is. Raises ConfigError, with the line, for one that cannot be read or is not TOML."""
    try:
        source = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        document: dict[str, Any] = tomllib.loads(source.decode())
        return document
    except UnicodeDecodeError as error:
        line = source.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{line}: not UTF-8: {error.reason}") from error
    except ValueError as error:  # TOMLDecodeError; a plain ValueError from a date or number out of range
        message = str(error)
        at = re.search(r" ?\(at line (\d+), column \d+\)$", message)
        line = int(at[1]) if at else source.rstrip().count(b"\n") + 1  # "(at end of document)" has no number
        raise ConfigError(f"{path}:{line}: not valid TOML: {message[: at.start()] if at else message}") from error


def _parse_override(override: str) -> dict[str, Any]:
    key, equals, text = override.partition("=")
    names = [name.strip() for name in key.split(".")]
    if not equals or not all(names):
        raise ConfigError(f"--set {override}: expected key=value with a dotted key, such as sampling.temperature=0.7")
    value = _parse_value(text.strip())
    for name in reversed(names):
        value = {name: value}
    table: dict[str, Any] = value
    return table


def _parse_value(text: str) -> Any:  # noqa: ANN401 - any TOML value
    try:
        document = tomllib.loads(f"value = {text}")
    except ValueError:
        return text
    return document["value"] if len(document) == 1 else text  # a line break in the text can smuggle in a second key


def _typed_table(
    root: type[DataclassInstance],
    config_class: type[DataclassInstance],
    raw: Mapping[str, Any],
    prefix: str,
    origin: str,
) -> _Table:
    hints = _field_types(config_class)
    table = _Table()
    for name, value in raw.items():
        key = prefix + name
        if name not in hints:
            raise ConfigError(f"{origin}: unknown key {key!r}; {_suggest_key(root, hints, name, prefix)}")
        try:
            table[name] = _typed_value(root, hints[name], value, key, origin)
        except _MismatchError as mismatch:
            raise ConfigError(f"{origin}: {_explain(mismatch)}") from None
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
            element_hints = _element_types(hint, len(value))
            if len(element_hints) == len(value):
                pairs = enumerate(zip(element_hints, value, strict=True))
                return tuple(_typed_value(root, each, item, f"{key}[{i}]", origin) for i, (each, item) in pairs)
    elif dataclasses.is_dataclass(hint):
        if isinstance(value, dict):
            return _typed_table(root, _as_class(hint), value, f"{key}.", origin)
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
    raise _MismatchError(key, value, _describe_type(hint))


def _typed_union(root: type[DataclassInstance], hint: Any, value: Any, key: str, origin: str) -> Any:  # noqa: ANN401
    if value == _NONE and type(None) in get_args(hint):
        return None
    for member in get_args(hint):
        if member is type(None):
            continue
        try:
            return _typed_value(root, member, value, key, origin)
        except _MismatchError as mismatch:
            if mismatch.key != key:  # an element of an array is wrong: name the element
                raise
    raise _MismatchError(key, value, _describe_type(hint))


def _build(
    config_class: type[ConfigT], base: ConfigT | None, changes: _Table, table_name: str, sources: str
) -> ConfigT:
    hints = _field_types(config_class)
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
        table_class = _table_class(hints[name])
        if table_class is not None and (name in changes or default is dataclasses.MISSING):
            nested_name = f"{table_name}.{name}" if table_name else name
            nested_base = default if isinstance(default, table_class) else None
            values[name] = _build(table_class, nested_base, changes.get(name, _Table()), nested_name, sources)
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
    pairs = zip(_element_types(hint, len(value)), value, strict=True)
    return tuple(_build(each, None, element, f"{name}[{i}]", sources) for i, (each, element) in enumerate(pairs))


def _default(field: dataclasses.Field[Any]) -> Any:  # noqa: ANN401 - the field's type
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


# --- the schema ----------------------------------------------------------------------------------------------------


def _field_types(config_class: type[DataclassInstance]) -> dict[str, Any]:
    hints = get_type_hints(config_class)
    return {field.name: hints[field.name] for field in dataclasses.fields(config_class) if field.init}


def _table_class(hint: Any) -> type[DataclassInstance] | None:  # noqa: ANN401 - an annotation
    """The dataclass in ``Sampling`` or ``Sampling | None``."""
    members = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    return next((_as_class(member) for member in members if dataclasses.is_dataclass(member)), None)


def _as_class(hint: Any) -> type[DataclassInstance]:  # noqa: ANN401 - an annotation
    assert isinstance(hint, type)
    return hint


def _element_types(hint: Any, length: int) -> tuple[Any, ...]:  # noqa: ANN401 - an annotation
    arguments = get_args(hint)
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return (arguments[0],) * length
    return () if arguments == ((),) else arguments  # Python 3.10 spells the arguments of tuple[()] as ((),)


def _leaf_keys(config_class: type[DataclassInstance], prefix: str = "") -> Iterator[str]:
    for name, hint in _field_types(config_class).items():
        table_class = _table_class(hint)
        if table_class is None:
            yield prefix + name
        else:
            yield from _leaf_keys(table_class, f"{prefix}{name}.")


# --- messages ------------------------------------------------------------------------------------------------------


def _suggest_key(root: type[DataclassInstance], hints: Mapping[str, Any], name: str, prefix: str) -> str:
    if near := difflib.get_close_matches(name, hints, n=1):
        return f"did you mean {prefix + near[0]!r}?"
    by_last_name = {key.rpartition(".")[2]: key for key in _leaf_keys(root)}  # a right key in the wrong table
    if near := difflib.get_close_matches(name, by_last_name, n=1, cutoff=0.75):
        return f"did you mean {by_last_name[near[0]]!r}?"
    return f"valid keys {'of [' + prefix[:-1] + ']' if prefix else 'at the top level'}: {', '.join(hints)}"


def _explain(mismatch: _MismatchError) -> str:
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


def _describe_type(hint: Any) -> str:  # noqa: ANN401 - an annotation
    kind = get_origin(hint)
    if kind in (Union, types.UnionType):
        members = [_describe_type(member) for member in get_args(hint) if member is not type(None)]
        return " or ".join([*members, f'"{_NONE}"'] if type(None) in get_args(hint) else members)
    if kind is Literal:
        return "one of " + ", ".join(repr(choice) for choice in get_args(hint))
    if kind is tuple:
        arguments = get_args(hint)
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return f"array of {_describe_type(arguments[0])}"
        elements = _element_types(hint, 0)
        return f"array of exactly {len(elements)}: [{', '.join(_describe_type(each) for each in elements)}]"
    if hint is bool:
        return "bool (true or false)"
    if hint is Path:
        return "path (a string)"
    return "table" if dataclasses.is_dataclass(hint) else str(hint.__name__)


# --- writing -------------------------------------------------------------------------------------------------------


def _write_table(config: DataclassInstance, name: str, lines: list[str], header: str = "[{}]") -> None:
    tables: list[tuple[str, DataclassInstance, str]] = []
    values: list[str] = []
    for field_name, hint in _field_types(type(config)).items():
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
        return f'"{_NONE}"'
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, float):
        return float.__repr__(value)  # the shortest digits that read back equal; inf and nan are TOML too
    if isinstance(value, str | Path):
        text = str(value)
        is_optional = get_origin(hint) in (Union, types.UnionType) and type(None) in get_args(hint)
        if text == _NONE and is_optional:
            raise ConfigError(f'{key}: the string "{_NONE}" stands for None here and cannot be written')
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise ConfigError(f"{key} = {text!r}: not valid Unicode ({error.reason})") from error
        return _format_string(text)
    if isinstance(value, tuple):
        tuple_hints = [each for each in (hint, *get_args(hint)) if get_origin(each) is tuple]
        element_hints = _element_types(tuple_hints[0], len(value)) if tuple_hints else (None,) * len(value)
        if len(element_hints) == len(value):
            pairs = zip(element_hints, value, strict=True)
            return f"[{', '.join(_format_value(each, item, key) for each, item in pairs)}]"
    raise TypeError(f"{key}: {value!r} of type {type(value).__name__} does not fit the field's type {hint!r}")


def _format_string(text: str) -> str:
    escapes = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t"}
    return '"' + "".join(escapes.get(c) or (f"\\u{ord(c):04x}" if c < " " or c == "\x7f" else c) for c in text) + '"'
