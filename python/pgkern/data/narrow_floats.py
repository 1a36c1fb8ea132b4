"""Numbers of Arrow's float32 and float16 by the digits that they are written with."""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

__all__ = ["digits_as_written"]

_Reader: TypeAlias = Callable[[Any], Any]

_NARROW: dict[int, _Reader] = {16: np.float16, 32: np.float32}  # by their bits


def digits_as_written(schema: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:  # noqa: ANN401 - a pyarrow.Schema
    """What makes of a row the same one with 0.1 for a float32 that is written 0.1, in lists and objects too.

    Arrow gives the float64 of the same value, 0.10000000149011612, whose digits stand nowhere. A row may lack columns.
    """
    from pyarrow import struct

    return _reader(struct(list(schema))) or dict


def _reader(kind: Any) -> _Reader | None:  # noqa: ANN401 - a pyarrow.DataType
    """The same for the values of a type; None where they stay as they are."""
    from pyarrow import types

    lists = (types.is_list, types.is_large_list, types.is_fixed_size_list, types.is_list_view, types.is_large_list_view)
    if types.is_floating(kind):
        return _of_number(kind.bit_width)
    if types.is_struct(kind):
        return _of_object({field.name: _reader(field.type) for field in kind})
    if types.is_map(kind):
        return _of_pairs(_reader(kind.item_type))
    if any(is_a(kind) for is_a in lists):
        return _of_list(_reader(kind.value_type))
    if types.is_dictionary(kind):
        return _reader(kind.value_type)
    return _reader(kind.storage_type) if hasattr(kind, "storage_type") else None


def _of_number(bits: int) -> _Reader | None:
    narrow = _NARROW.get(bits)
    return None if narrow is None else _unless_null(lambda value: float(str(narrow(value))))


def _of_object(fields: dict[str, _Reader | None]) -> _Reader | None:
    some = {name: reader for name, reader in fields.items() if reader is not None}
    if not some:
        return None
    return _unless_null(
        lambda values: {name: some[name](value) if name in some else value for name, value in values.items()}
    )


def _of_list(element: _Reader | None) -> _Reader | None:
    return None if element is None else _unless_null(lambda values: [element(value) for value in values])


def _of_pairs(item: _Reader | None) -> _Reader | None:
    return None if item is None else _unless_null(lambda pairs: [(key, item(value)) for key, value in pairs])


def _unless_null(reader: _Reader) -> _Reader:
    return lambda value: None if value is None else reader(value)
