"""An output that was cut short anywhere is continued to the bytes of a run that was not."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgkern.data.verify_file import Check, Fields, Progress, verify_file

FIELDS = Fields(id="id")


def rows(count: int) -> str:
    row = [
        {
            "completion": f"so \\boxed{{{index % 7}}}" if index % 3 else "é",
            "gold": [str(index % 5), "6"] if index % 4 == 0 else str(index % 5),
            "expected": index % 2 == 0,
            "id": f"row \ud800 {index}" if index % 10 == 0 else index,
        }
        for index in range(count)
    ]
    return "".join(json.dumps(one) + "\n" for one in row)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    folder = tmp_path_factory.mktemp("unbroken")
    path, output = folder / "rows.jsonl", folder / "verdicts.jsonl"
    path.write_text(rows(40))
    verify_file(path, fields=FIELDS, output=output)
    return path, output.read_bytes()


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(data=st.data(), batch=st.integers(1, 50))
def test_an_output_cut_at_any_byte_is_continued(data: st.DataObject, batch: int, unbroken: tuple[Path, bytes]) -> None:
    path, whole = unbroken
    kept = data.draw(st.integers(0, len(whole)))
    output = path.with_name("cut.jsonl")
    output.write_bytes(whole[:kept])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pgkern.data.completion_rows.BATCH_ROWS", batch)
        summary = verify_file(path, fields=FIELDS, output=output, resume=True)
    assert output.read_bytes() == whole
    assert summary.resumed == whole[:kept].count(b"\n")
    reference = verify_file(path, fields=FIELDS)
    assert summary.agreement == reference.agreement
    assert summary.disagreements == reference.disagreements


PROGRAM = """
import sys, time
from pgkern.data import completion_rows
from pgkern.data.verify_file import Fields, verify_file

completion_rows.BATCH_ROWS = 50
fields, pause = Fields(id="id"), float(sys.argv[3])
verify_file(sys.argv[1], fields=fields, output=sys.argv[2], resume=True, progress=lambda _: time.sleep(pause))
"""


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_a_killed_run_is_continued(suffix: str, tmp_path: Path) -> None:
    if suffix == ".parquet":
        pytest.importorskip("pyarrow")
    path, output, whole = tmp_path / "rows.jsonl", tmp_path / f"out{suffix}", tmp_path / f"whole{suffix}"
    path.write_text(rows(4000))
    verify_file(path, fields=FIELDS, output=whole)
    growing = output if suffix == ".jsonl" else tmp_path / "out.parquet.partial.jsonl"

    def command(pause: str) -> list[str]:
        return [sys.executable, "-W", "error", "-c", PROGRAM, str(path), str(output), pause]

    sizes = []
    for _ in range(3):
        before = growing.stat().st_size if growing.exists() else 0
        process = subprocess.Popen(command("0.02"))
        deadline = time.monotonic() + 60
        while not (growing.exists() and growing.stat().st_size > before + 5000):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
        with growing.open("ab") as file:
            file.write(b'{"line": 12')  # what a kill inside a write leaves
        sizes.append(growing.stat().st_size)
        assert not (suffix == ".parquet" and output.exists())
    assert sizes == sorted(set(sizes))
    subprocess.run(command("0"), check=True, timeout=120)
    assert output.read_bytes() == whole.read_bytes()
    assert sorted(os.listdir(tmp_path)) == sorted(["rows.jsonl", output.name, whole.name])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda lines: ["x\n", *lines], r"out\.jsonl:1: this line is no verdict"),
        (lambda lines: [lines[0], '{"line": 2, "verdict": "MAYBE", "answer": null}\n'], r":2: this line is no verdict"),
        (lambda lines: [lines[1], lines[0]], r"has row 2 where .*rows\.jsonl has row 1"),
        (lambda lines: [lines[0].replace("NO_ANSWER", "CORRECT")], "rows.jsonl:1 is correct there and no_answer now"),
        (lambda lines: [lines[0], lines[1].replace('"1"', '"9"')], "rows.jsonl:2 has the answer '9' there and '1' now"),
        (lambda lines: [*lines, lines[-1]], "goes on with row 40 where the input ends"),
    ],
)
def test_an_output_of_another_run_is_refused(change: object, message: str, unbroken: tuple[Path, bytes]) -> None:
    path, whole = unbroken
    output = path.with_name("out.jsonl")
    assert callable(change)
    output.write_text("".join(change(whole.decode().splitlines(keepends=True))))
    with pytest.raises(ValueError, match=message):
        verify_file(path, fields=FIELDS, output=output, resume=True)


def test_other_options_are_noticed(unbroken: tuple[Path, bytes]) -> None:
    path, whole = unbroken
    output = path.with_name("options.jsonl")
    output.write_bytes(whole)
    with pytest.raises(ValueError, match="was written otherwise"):
        verify_file(path, fields=FIELDS, output=output, resume=True, check=Check(mode="whole"))
    with pytest.raises(ValueError, match="there is no output to resume"):
        verify_file(path, resume=True)
    with pytest.raises(ValueError, match="only one of them"):
        verify_file(path, output=output, resume=True, overwrite=True)


def stopped(_: Progress) -> None:
    raise InterruptedError


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_options_that_change_nothing_yet_are_noticed(suffix: str, unbroken: tuple[Path, bytes], tmp_path: Path) -> None:
    if suffix == ".parquet":
        pytest.importorskip("pyarrow")
    path, whole = unbroken
    output, options = tmp_path / f"out{suffix}", tmp_path / f"out{suffix}.options.json"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pgkern.data.completion_rows.BATCH_ROWS", 10)
        with pytest.raises(InterruptedError):
            verify_file(path, fields=FIELDS, output=output, progress=stopped)
    assert options.exists()
    with pytest.raises(
        ValueError, match=r"with other options .*: tolerance None there and 0.5 now, order 'as_written'"
    ):
        verify_file(path, fields=FIELDS, output=output, resume=True, check=Check(tolerance=0.5, order="any"))
    with pytest.raises(ValueError, match=r"with other options .*: gold field 'gold' there and 'completion' now"):
        verify_file(path, fields=Fields(gold="completion", id="id"), output=output, resume=True)
    with pytest.raises(ValueError, match="exists: overwrite replaces"):
        verify_file(path, fields=FIELDS, output=output)
    summary = verify_file(path, fields=FIELDS, output=output, resume=True, check=Check(num_threads=1))
    assert summary.resumed == 10
    assert os.listdir(tmp_path) == [output.name]
    if suffix == ".jsonl":
        assert output.read_bytes() == whole


def test_options_that_cannot_be_read_are_named(unbroken: tuple[Path, bytes], tmp_path: Path) -> None:
    path, whole = unbroken
    output = tmp_path / "out.jsonl"
    output.write_bytes(whole)
    for text in ("{", "[]"):
        output.with_name("out.jsonl.options.json").write_text(text)
        with pytest.raises(ValueError, match=r"out\.jsonl\.options\.json: not the options of an output"):
            verify_file(path, fields=FIELDS, output=output, resume=True)


def test_a_mistaken_option_leaves_an_earlier_output_alone(unbroken: tuple[Path, bytes], tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    output.write_text("earlier\n")
    with pytest.raises(ValueError, match="tolerance is -1"):
        verify_file(unbroken[0], output=output, overwrite=True, check=Check(tolerance=-1))
    assert output.read_text() == "earlier\n"


def test_a_mistake_in_the_first_row_leaves_an_earlier_output_alone(tmp_path: Path) -> None:
    path, output = tmp_path / "rows.jsonl", tmp_path / "out.jsonl"
    path.write_text("{}\n")
    output.write_text("earlier\n")
    with pytest.raises(ValueError, match="no field 'completion'"):
        verify_file(path, output=output, overwrite=True)
    assert output.read_text() == "earlier\n"
