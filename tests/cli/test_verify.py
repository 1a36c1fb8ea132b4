import json
import subprocess
import sys
from pathlib import Path

import pytest

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
