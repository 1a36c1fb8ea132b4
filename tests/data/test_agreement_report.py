import json
from pathlib import Path

import pytest

from pgkern.data.verify_file import verify_file


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    lines = [
        {"completion": "\\boxed{1}", "gold": "1", "expected": True},
        *({"completion": f"\\boxed{{{i}|x}}", "gold": ["5", "`a_b`\n<b>"], "expected": True} for i in range(30)),
        {"completion": "\\boxed{1}", "gold": "1", "expected": False},
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines) + "{\n")
    return path


def test_json_holds_everything(rows: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    summary = verify_file(rows, report=report, keep_disagreements=3, skip_bad=True)
    assert len(summary.disagreements) == 3
    written = json.loads(report.read_text())
    assert (written["rows"], written["labelled"], written["agreeing"]) == (32, 32, 1)
    assert written["by_label"]["wrong"]["CORRECT"] == 1
    assert sum(written["by_label"]["right"].values()) == 31
    assert [one["line"] for one in written["disagreements"]] == list(range(2, 33))
    first = written["disagreements"][0]
    assert (first["answer"], first["label"], first["gold"]) == ("0|x", "right", ["5", "`a_b`\n<b>"])
    assert len(first["rules"]) == 2
    assert len(written["bad_rows"]) == 1
    assert f"{rows}:33: not valid JSON" in written["bad_rows"][0]


def test_markdown_is_a_table_that_no_text_breaks(rows: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.md"
    verify_file(rows, report=report, skip_bad=True)
    text = report.read_text()
    assert "1 of 32 labelled rows agree." in text
    table = text.split("## Disagreements")[1].split("## Rows")[0].strip().splitlines()
    assert len(table) == 2 + 31
    assert {line.replace("\\|", "").count("|") for line in table} == {9}
    assert "\\`a\\_b\\` &lt;b>" in table[2]


def test_without_labels_nothing_is_listed(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"completion": "5", "gold": "6"}\n')
    verify_file(path, report=tmp_path / "report.json")
    assert json.loads((tmp_path / "report.json").read_text())["disagreements"] == []
    with pytest.raises(ValueError, match=r"report .*report\.txt' must end in \.json or \.md"):
        verify_file(path, report=tmp_path / "report.txt")
