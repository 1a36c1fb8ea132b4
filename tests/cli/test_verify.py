import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pgkern.cli import main

COMPLETIONS = Path(__file__).parents[2].parent / "shared" / "data" / "verify" / "gsm8k_completions_5276.jsonl"


def verify(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-m", "pgkern", "verify", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    rows = [
        {"answer": r"\boxed{\frac12}", "truth": "0.5", "right": True},
        {"answer": "it is 3", "truth": "4", "right": True},
        {"answer": "none", "truth": "4"},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


FIELDS = ["--completion-field", "answer", "--gold-field", "truth", "--label-field", "right"]


def test_verdicts_agreement_and_speed_are_told_and_written(file: Path, tmp_path: Path) -> None:
    result = verify(str(file), *FIELDS, "--output", str(tmp_path / "verdicts.jsonl"))
    lines = result.stdout.splitlines()
    assert lines[0] == "3 pairs: 1 wrong, 1 correct, 1 no_answer"
    assert lines[1] == f"{file}:2: labelled right, verdict wrong, gold '4'"
    assert lines[2] == "agreement with labels: 1 of 2"
    assert "pairs/s" in lines[3]
    assert lines[4:] == ["labelled right: 1 wrong, 1 correct", "labelled wrong: none"]
    assert result.returncode == 1
    written = [json.loads(line)["verdict"] for line in (tmp_path / "verdicts.jsonl").read_text().splitlines()]
    assert written == ["CORRECT", "WRONG", "NO_ANSWER"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "no field 'completion'; it has 'answer', 'truth', 'right'"),
        ([*FIELDS, "--mode", "box"], "box"),
        ([*FIELDS, "--threads", "0"], "0"),
    ],
)
def test_a_mistake_is_one_line_that_names_it(file: Path, arguments: list[str], message: str) -> None:
    result = verify(str(file), *arguments)
    assert result.returncode == 2
    assert result.stderr.startswith("pgkern: error: ")
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_missing_file_is_named() -> None:
    result = verify("no-such-file.jsonl")
    assert result.returncode == 2
    assert "no-such-file.jsonl" in result.stderr


@pytest.mark.skipif(not COMPLETIONS.exists(), reason="the shared GSM8K completions are not beside this checkout")
def test_the_real_completions_agree_with_every_label() -> None:
    result = verify(str(COMPLETIONS))
    assert result.returncode == 0, result.stdout
    assert "agreement with labels: 5276 of 5276" in result.stdout.splitlines()


def test_a_table_of_verdicts_and_a_report_are_written(file: Path, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    output, report = tmp_path / "verdicts.parquet", tmp_path / "report.json"
    result = verify(
        str(file), str(file), *FIELDS, "--id-field", "truth", "--output", str(output), "--report", str(report)
    )
    assert result.returncode == 1
    assert result.stdout.splitlines()[0] == "6 pairs: 2 wrong, 2 correct, 2 no_answer"
    assert parquet.read_table(output).column("id").to_pylist() == ["0.5", "4", "4"] * 2
    assert len(json.loads(report.read_text())["disagreements"]) == 2


def test_an_output_is_continued(file: Path, tmp_path: Path) -> None:
    output = tmp_path / "verdicts.jsonl"
    verify(str(file), *FIELDS, "--output", str(output))
    whole = output.read_bytes()
    output.write_bytes(whole[:-5])
    result = verify(str(file), *FIELDS, "--output", str(output), "--resume")
    assert output.read_bytes() == whole
    assert "2 of them from the output that was resumed" in result.stdout


def test_an_output_is_replaced_only_when_that_is_asked_for(file: Path, tmp_path: Path) -> None:
    output = tmp_path / "verdicts.jsonl"
    output.write_text("precious\n")
    result = verify(str(file), *FIELDS, "--output", str(output))
    assert result.returncode == 2
    assert f"output '{output}' exists: overwrite replaces" in result.stderr
    assert output.read_text() == "precious\n"
    assert verify(str(file), *FIELDS, "--output", str(output), "--overwrite").returncode == 1
    assert len(output.read_text().splitlines()) == 3
    assert "not allowed with" in verify(str(file), *FIELDS, "--resume", "--overwrite").stderr


def test_a_reader_that_goes_away_is_no_error(file: Path) -> None:
    for arguments in (["verify", str(file), *FIELDS], ["explain", "5", "5"], ["info"]):
        reading, writing = os.pipe()
        os.close(reading)
        command = [sys.executable, "-W", "error", "-m", "pgkern", *arguments]
        with os.fdopen(writing) as out:
            result = subprocess.run(command, stdout=out, stderr=subprocess.PIPE, text=True, timeout=120, check=False)
        assert (result.returncode, result.stderr) == (128 + signal.SIGPIPE, "")


def test_another_pipe_that_breaks_is_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_: object) -> int:
        raise BrokenPipeError(errno.EPIPE, "a worker is gone")

    monkeypatch.setattr("pgkern.cli.explain.run", broken)
    assert main(["explain", "5", "5"]) == 2
    assert "a worker is gone" in capsys.readouterr().err


def test_the_exit_codes_are_told() -> None:
    assert "Exit codes: 0 when" in " ".join(verify("--help").stdout.split())


def test_bad_rows_are_skipped_where_that_is_asked_for(file: Path) -> None:
    with file.open("a") as out:
        out.write("{\n")
    assert "rows.jsonl:4: not valid JSON" in verify(str(file), *FIELDS).stderr
    result = verify(str(file), *FIELDS, "--skip-bad")
    assert result.returncode == 1
    assert "rows skipped: 1" in result.stdout
    assert f"skipped: {file}:4: not valid JSON" in result.stderr


def test_a_label_field_that_no_row_has_is_a_mistake(file: Path) -> None:
    fields = ["--completion-field", "answer", "--gold-field", "truth"]
    assert verify(str(file), *fields).returncode == 0
    result = verify(str(file), *fields, "--label-field", "rihgt")
    assert result.returncode == 2
    assert "no row has a label in the field 'rihgt'" in result.stderr


@pytest.mark.parametrize(
    "option", [["--tolerance", "1e-3"], ["--percent", "number"], ["--units", "required"], ["--order", "any"]]
)
def test_every_option_is_taken(file: Path, option: list[str]) -> None:
    assert verify(str(file), *FIELDS, *option).returncode == 1


def test_one_row_is_explained(file: Path) -> None:
    result = verify(str(file), *FIELDS, "--explain", "2")
    assert result.returncode == 0
    assert result.stdout.splitlines()[:2] == ["WRONG", "  answer: 3, read as number 3"]
    assert "there is no row 9" in verify(str(file), *FIELDS, "--explain", "9").stderr
    assert "--explain takes one file, not 2" in verify(str(file), str(file), *FIELDS, "--explain", "1").stderr
