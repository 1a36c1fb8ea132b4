import json
from pathlib import Path

import pytest

from pgkern import Verdict
from pgkern.data import verify_file as module
from pgkern.data.verify_file import Disagreement, Fields, verify_file

ROWS = [
    {"completion": "\\boxed{1}", "gold": "1", "expected": True},
    {"completion": "\\boxed{2}", "gold": ["1", "2"], "expected": True},
    {"completion": "\\boxed{2}", "gold": 3, "expected": True},
    {"completion": "nothing", "gold": "3", "expected": False},
    {"completion": "\\boxed{4}", "gold": "4"},
]


def written(path: Path, lines: list[str]) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_rows_are_counted_and_compared_with_their_labels(tmp_path: Path) -> None:
    path = written(tmp_path / "rows.jsonl", [json.dumps(ROWS[0]), "", *map(json.dumps, ROWS[1:])])
    summary = verify_file(path, output=tmp_path / "verdicts.jsonl")
    assert summary.rows == 5
    assert summary.counts == {**dict.fromkeys(Verdict, 0), Verdict.CORRECT: 3, Verdict.WRONG: 1, Verdict.NO_ANSWER: 1}
    assert (summary.labelled, summary.agreeing) == (4, 3)
    assert summary.disagreements == (Disagreement(4, "3", True, Verdict.WRONG),)
    assert summary.verified_per_second >= summary.pairs_per_second > 0
    verdicts = [json.loads(line) for line in (tmp_path / "verdicts.jsonl").read_text().splitlines()]
    assert verdicts[1:3] == [{"line": 3, "verdict": "CORRECT"}, {"line": 4, "verdict": "WRONG"}]
    assert len(verdicts) == 5


def test_batches_give_what_one_batch_gives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "rows.jsonl", list(map(json.dumps, ROWS * 5)))
    whole = verify_file(path)
    monkeypatch.setattr(module, "BATCH_ROWS", 4)
    done: list[int] = []
    in_batches = verify_file(path, progress=done.append, keep_disagreements=2, num_threads=1)
    assert done == [4, 8, 12, 16, 20, 24, 25]
    assert in_batches.counts == whole.counts
    assert in_batches.disagreements == whole.disagreements[:2]
    assert len(whole.disagreements) == 5


def test_fields_may_have_other_names(tmp_path: Path) -> None:
    path = written(tmp_path / "rows.jsonl", [json.dumps({"output": "#### 5", "answer": "5", "ok": False})])
    summary = verify_file(path, fields=Fields("output", "answer", "ok"), mode="gsm8k")
    assert (summary.labelled, summary.agreeing) == (1, 0)
    assert verify_file(path, fields=Fields("output", "answer", None)).labelled == 0


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", r"rows\.jsonl:2: not valid JSON"),
        ("[" * 100_000, r"rows\.jsonl:2: not valid JSON"),
        ("[1]", r"rows\.jsonl:2: expected a JSON object, got list"),
        ('{"completion": "5", "answer": "5"}', r":2: no field 'gold'; it has 'completion', 'answer'"),
        ('{"completion": 5, "gold": "5"}', r":2: field 'completion' is a int, not text"),
        ('{"completion": "5", "gold": []}', r":2: field 'gold' is neither text nor a list of texts: \[\]"),
        ('{"completion": "5", "gold": true}', r":2: field 'gold' is neither text"),
        ('{"completion": "5", "gold": "5", "expected": "yes"}', r":2: field 'expected' is neither true nor false"),
    ],
)
def test_a_broken_line_is_named(tmp_path: Path, line: str, message: str) -> None:
    path = written(tmp_path / "rows.jsonl", [json.dumps(ROWS[0]), line])
    with pytest.raises(ValueError, match=message):
        verify_file(path)


def test_bytes_that_are_no_text_are_a_broken_line(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"completion": "\xff", "gold": "5"}\n')
    with pytest.raises(ValueError, match=r"rows\.jsonl:1: not valid JSON"):
        verify_file(path)


def test_the_file_is_not_written_over(tmp_path: Path) -> None:
    path = written(tmp_path / "rows.jsonl", [json.dumps(ROWS[0])])
    with pytest.raises(ValueError, match="is the file that is read"):
        verify_file(path, output=path)
    with pytest.raises(FileNotFoundError):
        verify_file(tmp_path / "none.jsonl")


def test_a_file_without_rows_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"rows\.jsonl: no rows in this file"):
        verify_file(written(tmp_path / "rows.jsonl", ["", " "]))
