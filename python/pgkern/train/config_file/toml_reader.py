"""A TOML file and the value of a `--set key=value`, as they are written: nothing is checked against a schema yet."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from .config_error import ConfigError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # type: ignore[import-not-found, unused-ignore]


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


def parse_override(override: str) -> dict[str, Any]:
    """The nested tables of ``key=value`` with a dotted key; a value that is no TOML is a string."""
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
