import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pgkern import Verdict
from pgkern.data.completion_rows import Fields, completion_rows
from pgkern.data.verify_file import Disagreement, verify_file

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

ROWS: list[dict[str, Any]] = [
    {"completion": "\\boxed{1}", "gold": ["1"], "expected": True, "meta": {"id": "a"}},
    {"completion": "\\boxed{2}", "gold": ["1", "2"], "expected": True, "meta": {"id": "b"}},
    {"completion": "\\boxed{2}", "gold": ["3"], "expected": True, "meta": {"id": "c"}},
    {"completion": "nothing", "gold": ["3"], "expected": None, "meta": {"id": "d"}},
]


def table(path: Path, rows: list[dict[str, Any]], **options: Any) -> Path:
    parquet.write_table(pa.Table.from_pylist(rows), path, **options)
    return path


def test_a_table_has_the_verdicts_of_the_same_lines(tmp_path: Path) -> None:
    path, lines = table(tmp_path / "rows.parquet", ROWS * 100, row_group_size=7), tmp_path / "rows.jsonl"
    lines.write_text("".join(json.dumps(row) + "\n" for row in ROWS * 100))
    fields = Fields(id="meta.id")
    ours = verify_file(path, fields=fields, output=tmp_path / "a.jsonl")
    theirs = verify_file(lines, fields=fields, output=tmp_path / "b.jsonl")
    assert ours.agreement == theirs.agreement
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()
    assert ours.disagreements[0] == Disagreement(path, 3, "c", ["3"], True, Verdict.WRONG, "2")


def test_the_output_may_be_a_table(tmp_path: Path) -> None:
    path, output = table(tmp_path / "rows.parquet", ROWS), tmp_path / "out.parquet"
    verify_file(path, fields=Fields(id="meta.id"), output=output)
    assert parquet.read_table(output).to_pylist() == [
        {"line": 1, "id": "a", "verdict": "CORRECT", "answer": "1"},
        {"line": 2, "id": "b", "verdict": "CORRECT", "answer": "2"},
        {"line": 3, "id": "c", "verdict": "WRONG", "answer": "2"},
        {"line": 4, "id": "d", "verdict": "NO_ANSWER", "answer": None},
    ]
    verify_file([path, path], output=output, overwrite=True)
    assert parquet.read_table(output).schema.names == ["file", "line", "id", "verdict", "answer"]
    assert [path.name for path in tmp_path.iterdir() if "partial" in path.name or path.name.startswith(".")] == []


def test_mistakes_name_file_and_row(tmp_path: Path) -> None:
    path = table(tmp_path / "rows.parquet", [{"completion": "5", "gold": "5"}, {"completion": None, "gold": "5"}])
    with pytest.raises(ValueError, match=r"rows\.parquet:2: field 'completion' is a NoneType, not text"):
        verify_file(path)
    assert verify_file(path, skip_bad=True).num_bad_rows == 1
    with pytest.raises(ValueError, match=r"rows\.parquet: no field 'answer'; it has 'completion', 'gold'"):
        verify_file(path, fields=Fields("answer"))
    (tmp_path / "text.parquet").write_text("no table")
    with pytest.raises(ValueError, match=r"text\.parquet: not a Parquet file that can be read \("):
        verify_file(tmp_path / "text.parquet")
    damaged = bytearray(path.read_bytes())
    damaged[4:40] = bytes(36)
    (tmp_path / "damaged.parquet").write_bytes(damaged)
    with pytest.raises(ValueError, match=r"damaged\.parquet: not a Parquet file that can be read \("):
        verify_file(tmp_path / "damaged.parquet")
    empty = tmp_path / "empty.parquet"
    parquet.write_table(pa.table({"completion": pa.array([], pa.string()), "gold": pa.array([], pa.string())}), empty)
    with pytest.raises(ValueError, match="no rows in this file"):
        verify_file(empty)


def test_decimals_stand_for_their_digits(tmp_path: Path) -> None:
    golds = pa.array([Decimal("0.1000000000000000055"), Decimal("0.1")], pa.decimal128(30, 20))
    path = tmp_path / "rows.parquet"
    parquet.write_table(pa.table({"completion": ["\\boxed{0.1}"] * 2, "gold": golds}), path)
    counts = verify_file(path).counts
    assert (counts[Verdict.WRONG], counts[Verdict.CORRECT]) == (1, 1)


def test_narrow_numbers_stand_for_the_digits_they_are_written_with(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    for kind in (pa.float32(), pa.list_(pa.float32())):
        golds = [[0.1], [3.3]] if pa.types.is_list(kind) else [0.1, 3.3]
        parquet.write_table(pa.table({"completion": ["\\boxed{0.1}"] * 2, "gold": pa.array(golds, kind)}), path)
        counts = verify_file(path).counts
        assert (counts[Verdict.CORRECT], counts[Verdict.WRONG]) == (1, 1), kind


def test_rows_are_read_a_few_at_a_time(tmp_path: Path) -> None:
    completion = "so it is " * 500
    path = table(tmp_path / "rows.parquet", [{"completion": f"{completion}{i}", "gold": "5"} for i in range(20_000)])
    before = pa.total_allocated_bytes()
    peak = 0
    for count, _ in enumerate(completion_rows(path, Fields())):
        if count % 500 == 0:
            peak = max(peak, pa.total_allocated_bytes() - before)
    assert count == 19_999
    assert peak < 20 << 20 < 20_000 * len(completion)


def test_without_pyarrow_the_extra_is_named(tmp_path: Path) -> None:
    path = table(tmp_path / "rows.parquet", ROWS)
    program = (
        "import sys; sys.modules['pyarrow'] = None; from pgkern.cli import main; "
        f"raise SystemExit(main(['verify', {str(path)!r}]))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 2
    assert result.stderr == "pgkern: error: this needs pyarrow; pip install 'pgkern[parquet]'\n"
