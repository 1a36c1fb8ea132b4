"""What a run may write over: nothing that it reads, under whatever name, and nothing else unless it is told to."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pgkern.data.verify_file import verify_file

ROW = '{"completion": "5", "gold": "5"}\n'


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "rows.jsonl").write_text(ROW)
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    return Path("rows.jsonl")


@pytest.mark.parametrize("link", [os.link, os.symlink])
@pytest.mark.parametrize("what", ["output", "report"])
def test_the_file_that_is_read_is_known_behind_a_link(link: Callable[..., None], what: str, rows: Path) -> None:
    link("rows.jsonl", "other.md")
    for name in ("other.md", "rows.jsonl", "folder/../rows.jsonl"):
        with pytest.raises(ValueError, match=f"{what} '.*' is the file that is read"):
            verify_file(rows, overwrite=True, **{what: name})
    assert rows.read_text() == ROW


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"output": "o.md", "report": "o.md"}, "report 'o.md' is the output as well"),
        ({"output": "o.md", "report": "folder/../o.md"}, "is the output as well, 'o.md'"),
        ({"output": "o", "report": "o.options.json"}, "is the options of the output as well"),
        ({"report": "no/such/o.md"}, "report 'no/such/o.md': there is no folder 'no/such'"),
        ({"output": "no/such/o.jsonl"}, "output 'no/such/o.jsonl': there is no folder 'no/such'"),
        ({"output": "rows.jsonl/o"}, "there is no folder 'rows.jsonl'"),
        ({"output": "folder"}, "output 'folder' is there and is no ordinary file"),
        ({"output": "/dev/null"}, "output '/dev/null' is there and is no ordinary file"),
        ({"report": "rows.txt"}, "must end in .json or .md"),
    ],
)
def test_a_place_that_cannot_be_written_is_named_first(rows: Path, arguments: dict[str, str], message: str) -> None:
    rows.write_text("no row\n")  # which would be the mistake if it were read
    with pytest.raises(ValueError, match=message):
        verify_file(rows, **arguments)  # type: ignore[arg-type]
    assert sorted(os.listdir()) == ["folder", "rows.jsonl"]


def test_the_lines_of_an_unfinished_table_may_not_be_read(rows: Path) -> None:
    partial = rows.rename("o.parquet.partial.jsonl")
    with pytest.raises(ValueError, match=r"unfinished output .* is the file that is read"):
        verify_file(partial, output="o.parquet", overwrite=True)
    assert partial.read_text() == ROW


@pytest.mark.parametrize("what", ["output", "report"])
def test_what_exists_is_replaced_only_when_that_is_asked_for(rows: Path, what: str) -> None:
    Path("o.md").write_text("precious")
    with pytest.raises(ValueError, match=f"{what} 'o.md' exists: overwrite replaces"):
        verify_file(rows, **{what: "o.md"})  # type: ignore[arg-type]
    assert Path("o.md").read_text() == "precious"
    verify_file(rows, overwrite=True, **{what: "o.md"})  # type: ignore[arg-type]
    assert "precious" not in Path("o.md").read_text()
    assert sorted(os.listdir()) == ["folder", "o.md", "rows.jsonl"]
