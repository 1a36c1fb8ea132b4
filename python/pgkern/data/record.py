"""A row of a file that somebody else wrote: a mistake in it is told with its place."""

from typing import Any, NamedTuple

__all__ = ["Record"]


class Record(NamedTuple):
    """One row's object, its number from 1 (of its line, in a text file), `file:number` for messages, and `end`.

    `end` is how many bytes of the file lie up to the row's end; for a file that is not read from front to back it is
    a share of its size.
    """

    values: dict[str, Any]
    line: int
    where: str
    end: int = 0

    def field(self, name: str) -> object:
        """The field's value; `a.b` is field `b` of the object in field `a`, `a.0` the first element of a list there.

        Raises `ValueError` with the fields that there are when it is missing.
        """
        if name in self.values:
            return self.values[name]
        value: Any = self.values
        for part in name.split("."):
            if isinstance(value, dict) and part in value:
                value = value[part]
            elif isinstance(value, list) and part.isdecimal() and len(part) < 10 and int(part) < len(value):
                value = value[int(part)]
            else:
                raise ValueError(f"{self.where}: no field {name!r}; it has {_names(self.values)}")
        return value

    def optional(self, name: str) -> object:
        """The field's value, or None where there is no such field."""
        try:
            return self.field(name)
        except ValueError:
            return None


def _names(values: dict[str, Any]) -> str:
    return ", ".join(map(repr, values)) or "none"
