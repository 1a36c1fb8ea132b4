"""The run that both loss benches share: what is left out, what is kept of earlier runs, what is written when."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from benches import grid_bench
from benches.__main__ import main
from benches.policy_suite import SUITE
from benches.time_budget import TimeBudget

SMALL = ("--device", "cpu", "--tokens", "64", "--hidden-size", "32", "--dtype", "float32", "--rounds", "1")
FORWARD = "N=64 D=32 V={} fp32 forward only"


@pytest.fixture(autouse=True)
def _the_code_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when somebody edits it while these tests run."""
    monkeypatch.setattr("benches.environment.code_digest", lambda: "0123456789abcdef")


def run(results: Path, *said: str, work: str = "forward") -> dict[str, Any]:
    assert main(["--results", str(results), "linear_policy_loss", *SMALL, "--work", work, *said]) == 0
    record: dict[str, Any] = json.loads((results / "cpu-linear-policy-loss.json").read_text())
    return record


def cases(record: dict[str, Any]) -> list[str]:
    return list(dict.fromkeys(row["case"] for row in record["rows"]))


def test_when_the_minutes_are_used_up_the_record_says_what_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float | None] = []

    class OneCase(TimeBudget):
        @property
        def used_up(self) -> bool:
            asked.append(self.minutes)
            return len(asked) > 1

    monkeypatch.setattr(grid_bench, "TimeBudget", OneCase)
    record = run(tmp_path, "--vocabulary", "127", "--vocabulary", "131", "--vocabulary", "137", "--minutes", "3")
    assert cases(record) == [FORWARD.format(127)]
    assert record["left_out"] == [FORWARD.format(131), FORWARD.format(137)]
    assert "left out, as the 3 minutes were used up: 2 of 3 cases" in record["notes"]
    assert asked == [3.0, 3.0]


def test_a_budget_of_time() -> None:
    assert not TimeBudget(None).used_up
    assert not TimeBudget(1.0).used_up
    assert TimeBudget(0.0).used_up


def test_no_minutes_at_all_are_refused_before_a_record_is_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="0 minutes were used up before the first case"):
        run(tmp_path, "--vocabulary", "127", "--minutes", "0")
    assert not list(tmp_path.iterdir())


def test_cells_that_are_run_by_themselves_become_one_record(tmp_path: Path) -> None:
    first = run(tmp_path, "--vocabulary", "127")
    both = run(tmp_path, "--vocabulary", "131", "--add")
    assert cases(both) == [FORWARD.format(127), FORWARD.format(131)]
    assert [row for row in both["rows"] if row["vocabulary"] == 127] == first["rows"]
    assert len(both["goals"]) == 2
    again = run(tmp_path, "--vocabulary", "127", "--add")
    assert cases(again) == [FORWARD.format(131), FORWARD.format(127)]
    assert len(again["rows"]) == len(both["rows"])
    assert cases(run(tmp_path, "--vocabulary", "127")) == [FORWARD.format(127)]  # without --add a record is a new one


@pytest.mark.parametrize("field", ["code", "device", "versions"])
def test_nothing_is_added_to_a_record_of_something_else(tmp_path: Path, field: str) -> None:
    record = run(tmp_path, "--vocabulary", "127")
    path = tmp_path / "cpu-linear-policy-loss.json"
    other = json.dumps({**record, field: "other"})
    path.write_text(other)
    with pytest.raises(ValueError, match=rf"nothing can be added .*: {field} was other, is "):
        run(tmp_path, "--vocabulary", "131", "--add")
    assert path.read_text() == other


def test_the_record_is_whole_after_every_case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds_of_each = grid_bench.seconds_of_each

    def stopped_at_the_second(suite: Any, case: Any, *more: Any) -> Any:
        if case.vocabulary == 131:
            raise KeyboardInterrupt
        return seconds_of_each(suite, case, *more)

    monkeypatch.setattr(grid_bench, "seconds_of_each", stopped_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, "--vocabulary", "127", "--vocabulary", "131")
    record = json.loads((tmp_path / "cpu-linear-policy-loss.json").read_text())
    assert cases(record) == [FORWARD.format(127)]
    assert record["left_out"] == [FORWARD.format(131)]
    assert len(record["goals"]) == 1


def test_a_case_that_does_not_fit_is_named_and_the_next_one_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds_of_each = grid_bench.seconds_of_each

    def too_large(suite: Any, case: Any, *more: Any) -> Any:
        if case.vocabulary == 127:
            raise torch.OutOfMemoryError
        return seconds_of_each(suite, case, *more)

    monkeypatch.setattr(grid_bench, "seconds_of_each", too_large)
    record = run(tmp_path, "--vocabulary", "127", "--vocabulary", "131")
    assert cases(record) == [FORWARD.format(131)]
    assert f"{FORWARD.format(127)}: left out: out of memory" in record["notes"]


def test_options_that_leave_nothing_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no cell of the grid on cpu"):
        run(tmp_path, "--vocabulary", "127", "--active", "0.5")


def test_who_has_nothing_but_a_time_is_asked_for_nothing_else() -> None:
    assert set(SUITE.time_only) <= set(SUITE.must_run)
