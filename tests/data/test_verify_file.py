import json
import subprocess
import sys
from pathlib import Path

import pytest

from pgkern import Verdict
from pgkern.data import completion_rows as module
from pgkern.data.verify_file import Check, Disagreement, Fields, Progress, verify_file

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
    assert summary.disagreements == (Disagreement(path, 4, None, "3", True, Verdict.WRONG, "2"),)
    assert summary.verified_per_second >= summary.pairs_per_second > 0
    verdicts = [json.loads(line) for line in (tmp_path / "verdicts.jsonl").read_text().splitlines()]
    assert verdicts[1:3] == [
        {"line": 3, "verdict": "CORRECT", "answer": "2"},
        {"line": 4, "verdict": "WRONG", "answer": "2"},
    ]
    assert verdicts[3]["answer"] is None
    assert len(verdicts) == 5


def test_batches_give_what_one_batch_gives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "rows.jsonl", list(map(json.dumps, ROWS * 5)))
    whole = verify_file(path)
    monkeypatch.setattr(module, "BATCH_ROWS", 4)
    done: list[Progress] = []
    in_batches = verify_file(path, progress=done.append, keep_disagreements=2, check=Check(num_threads=1))
    assert [progress.rows for progress in done] == [4, 8, 12, 16, 20, 24, 25]
    assert [progress.part for progress in done] == sorted(progress.part for progress in done)
    assert done[-1].part == 1
    assert in_batches.counts == whole.counts
    assert in_batches.disagreements == whole.disagreements[:2]
    assert len(whole.disagreements) == 5


def test_fields_may_have_other_names(tmp_path: Path) -> None:
    path = written(tmp_path / "rows.jsonl", [json.dumps({"output": "#### 5", "answer": "5", "ok": False})])
    summary = verify_file(path, fields=Fields("output", "answer", "ok"), check=Check("gsm8k"))
    assert (summary.labelled, summary.agreeing) == (1, 0)
    assert verify_file(path, fields=Fields("output", "answer", None)).labelled == 0


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", r"rows\.jsonl:2: not valid JSON"),
        ("[" * 100_000, r"rows\.jsonl:2: not valid JSON"),
        ("[1]", r"rows\.jsonl:2: expected a JSON object, got list"),
        ('{"completion": "5", "answer": "5"}', r":2: no field 'gold'; it has 'completion', 'answer'"),
        ('{"completion": 5, "gold": "5"}', r":2: field 'completion' is a number, not text"),
        ('{"completion": "5", "gold": []}', r":2: field 'gold' is neither text nor a number nor a list of these: \[\]"),
        ('{"completion": "5", "gold": NaN}', r":2: field 'gold' is neither text nor a number .*: nan"),
        ('{"completion": "5", "gold": ["5", -Infinity]}', r":2: field 'gold' is neither text nor a number"),
        ('{"completion": "5", "gold": {"5": 5}}', r":2: field 'gold' is neither text nor a number"),
        ('{"completion": 5.0, "gold": "5"}', r":2: field 'completion' is a number, not text"),
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


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        verify_file(tmp_path / "none.jsonl")


def test_a_file_without_rows_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"rows\.jsonl: no rows in this file"):
        verify_file(written(tmp_path / "rows.jsonl", ["", " "]))


def test_dotted_names_lead_into_objects_and_lists(tmp_path: Path) -> None:
    nested = {"response": {"choices": [{"text": "#### 5"}]}, "meta": {"gold": 5, "id": 7}, "a.b": "6"}
    path = written(tmp_path / "rows.jsonl", [json.dumps(nested)])
    fields = Fields("response.choices.0.text", "meta.gold", "meta.right", "meta.id")
    assert verify_file(path, fields=fields, output=tmp_path / "out.jsonl").counts[Verdict.CORRECT] == 1
    assert json.loads((tmp_path / "out.jsonl").read_text())["id"] == 7
    assert verify_file(path, fields=Fields("response.choices.0.text", "a.b")).counts[Verdict.WRONG] == 1
    for name in ("response.choices.1.text", "response.choices.-1.text", "response.text", "meta.gold.x", "."):
        with pytest.raises(ValueError, match=r"rows\.jsonl:1: no field .*; it has 'response', 'meta', 'a\.b'"):
            verify_file(path, fields=Fields(name, "meta.gold"))


def test_labels_may_be_numbers_and_golds_too(tmp_path: Path) -> None:
    rows = [
        {"completion": "\\boxed{1}", "gold": [0.5, 1], "expected": 1},
        {"completion": "\\boxed{1}", "gold": 2.0, "expected": 0.0},
    ]
    summary = verify_file(written(tmp_path / "rows.jsonl", list(map(json.dumps, rows))))
    assert (summary.labelled, summary.agreeing) == (2, 2)


@pytest.mark.parametrize("number", ["0.1000000000000000055", "12345678901234567.25", "-2.50", "1e3", "1E+400", "7"])
def test_a_number_stands_for_the_digits_it_is_written_with(tmp_path: Path, number: str) -> None:
    line = f'{{"completion": "\\\\boxed{{{number}}}", "gold": [{number}], "score": NaN}}'
    assert verify_file(written(tmp_path / "rows.jsonl", [line])).counts[Verdict.CORRECT] == 1
    other = line.replace(f"boxed{{{number}}}", f"boxed{{{float(number) * 1.0000001!r}}}")
    assert verify_file(written(tmp_path / "rows.jsonl", [other])).counts[Verdict.CORRECT] == 0


def test_bad_rows_are_skipped_counted_and_named_where_that_is_asked_for(tmp_path: Path) -> None:
    good = json.dumps(ROWS[0])
    path = written(tmp_path / "rows.jsonl", ["{", good, "[]", '{"completion": 5, "gold": "5"}', good])
    summary = verify_file(path, skip_bad=True, output=tmp_path / "out.jsonl")
    assert (summary.rows, summary.num_bad_rows, len(summary.bad_rows)) == (2, 3, 3)
    assert [message.split(": ")[0] for message in summary.bad_rows] == [f"{path}:{line}" for line in (1, 3, 4)]
    assert [json.loads(line)["line"] for line in (tmp_path / "out.jsonl").read_text().splitlines()] == [2, 5]


def test_several_files_are_one_run(tmp_path: Path) -> None:
    paths = [written(tmp_path / f"{name}.jsonl", [json.dumps(row) for row in ROWS]) for name in "ab"]
    summary = verify_file(paths, output=tmp_path / "out.jsonl")
    assert summary.rows == 10
    assert [(row.file, row.line) for row in summary.disagreements] == [(path, 3) for path in paths]
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [(line["file"], line["line"]) for line in lines] == [(str(path), n) for path in paths for n in range(1, 6)]


def test_the_options_reach_the_verifier(tmp_path: Path) -> None:
    path = written(tmp_path / "rows.jsonl", [json.dumps(ROWS[0])])
    for check in (Check(tolerance=-1), Check(percent="x"), Check(units="x"), Check(order="x")):  # type: ignore[arg-type]
        with pytest.raises(ValueError, match=r"tolerance is -1|must be one of"):
            verify_file(path, check=check)


MEASURED = """
import resource, sys
from pgkern.data.verify_file import verify_file
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # KiB
verify_file(sys.argv[1])
before = peak()
assert verify_file(sys.argv[2]).rows == 1300
print(peak() - before)
"""


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    small = written(tmp_path / "small.jsonl", [json.dumps(ROWS[0])])
    large = tmp_path / "large.jsonl"
    row = json.dumps({"completion": "so it is " * 12_000 + "\\boxed{1}", "gold": "1"}) + "\n"
    with large.open("w") as file:
        for _ in range(1300):
            file.write(row)
    assert large.stat().st_size > 128 << 20
    command = [sys.executable, "-c", MEASURED, str(small), str(large)]
    grown = int(subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout)
    assert grown < 64 << 10
