import json
import re
import subprocess
from datetime import datetime, timezone
from pathlib import Path

import pytest
from benches.environment import ROOT, digest_of
from benches.goals import Goal
from benches.record import RESULTS, Record, result_path


def test_a_record_says_when_where_and_on_what(tmp_path: Path) -> None:
    record = Record("linear_policy_loss", device="cpu", quick=False, results=tmp_path)
    goals = [Goal("time", 1.2, "at most", 1.0), Goal("speed", 101.0, "at least", 100.0, " x")]
    record.write([{"provider": "pgkern", "seconds": [1.0, 0.9, 1.1]}], goals, ["a note"], compared=[1])
    assert record.path == tmp_path / "cpu-linear-policy-loss.json"
    content = json.loads(record.path.read_text())
    age = datetime.now(timezone.utc) - datetime.fromisoformat(content["date"])
    assert 0 <= age.total_seconds() < 60
    assert content["device"]["kind"] == "cpu"
    assert content["device"]["cpu"]
    assert content["device"]["cores"] >= 1
    assert content["versions"]["torch"]
    assert [goal["met"] for goal in content["goals"]] == [False, True]
    assert content["rows"][0]["provider"] == "pgkern"
    assert content["compared"] == [1]


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a git checkout")
def test_a_record_names_the_commit(tmp_path: Path) -> None:
    head = Record("packing", device="cpu", quick=True, results=tmp_path).head
    assert re.fullmatch("[0-9a-f]{40}", head["commit"])
    said = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert head["commit"] == said.strip()
    assert head["dirty"] in (True, False)


def test_a_record_does_not_say_in_whose_folder_it_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["benches", "--results", "/home/me", "packing", "--rounds", "3", "--results=/me"])
    head = Record("packing", device="cpu", quick=True, results=tmp_path).head
    assert head["command"] == "python -m benches packing --rounds 3"


def test_a_quick_run_never_overwrites_a_real_one() -> None:
    assert result_path(RESULTS, "cpu", "packing", True) != result_path(RESULTS, "cpu", "packing", False)


def test_a_record_refuses_what_json_cannot_say(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        Record("packing", device="cpu", quick=True, results=tmp_path).write([{"seconds": float("nan")}], [], [])


def test_the_same_code_has_the_same_digest_wherever_it_lies(tmp_path: Path) -> None:
    wheel, checkout, elsewhere = (tmp_path / name for name in ("wheel", "checkout", "elsewhere"))
    for folder in (wheel / "kernels", checkout, elsewhere):
        folder.mkdir(parents=True)
    (checkout / "kernels").symlink_to(elsewhere)
    for folder in (wheel, checkout):
        (folder / "__init__.py").write_text("x = 1")
        (folder / "kernels" / "row.py").write_text("y = 2")
    assert digest_of([wheel]) == digest_of([checkout])
    (elsewhere / "row.py").write_text("y = 3")
    assert digest_of([wheel]) != digest_of([checkout])
