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


def test_the_lines_before_a_broken_one_are_read(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"a": 1}\n{"a": \n')
    records = json_records(path)
    assert next(records).values == {"a": 1}
    with pytest.raises(ValueError, match=r"rows\.jsonl:2: not valid JSON"):
        next(records)
