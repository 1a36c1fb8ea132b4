from pathlib import Path

import pytest

from pgkern.data.json_lines import json_records


def test_records_carry_their_line_and_blank_lines_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"a": 1}\n\n  \r\n{"b": "\xc3\xa9"}')
    first, second = json_records(path)
    assert (first.values, first.line, first.where) == ({"a": 1}, 1, f"{path}:1")
    assert (second.field("b"), second.line) == ("é", 4)
    with pytest.raises(ValueError, match=r"rows\.jsonl:4: no field 'a'; it has 'b'"):
        second.field("a")


def test_a_byte_order_mark_in_front_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"a": 1}\n{"b": 2}\n')
    assert [(record.values, record.end) for record in json_records(path)] == [({"a": 1}, 12), ({"b": 2}, 21)]
    path.write_bytes(b'{"a": 1}\n\xef\xbb\xbf{"b": 2}\n')
    with pytest.raises(ValueError, match=r"rows\.jsonl:2: not valid JSON"):
        list(json_records(path))


def test_numbers_keep_their_digits(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"a": [0.1000000000000000055, 2.50, 1e999, 3]}')
    [record] = json_records(path)
    numbers = record.values["a"]
    assert list(map(str, numbers)) == ["0.1000000000000000055", "2.50", "1e999", "3"]
    assert numbers[:2] == [0.1, 2.5]


def test_the_lines_before_a_broken_one_are_read(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"a": 1}\n{"a": \n')
    records = json_records(path)
    assert next(records).values == {"a": 1}
    with pytest.raises(ValueError, match=r"rows\.jsonl:2: not valid JSON"):
        next(records)
