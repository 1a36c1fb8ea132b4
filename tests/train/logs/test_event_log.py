from pathlib import Path

from pgkern.train.logs.event_log import EventLog
from pgkern.train.logs.jsonl_log import read_jsonl


def test_events_are_rows_and_a_resumed_run_keeps_those_before_its_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with EventLog(path) as log:
        log.log(3, "reward_failed", "2 of 64 timed out")
        log.log(9, "diverged", "entropy fell to 0.001")
    with EventLog(path, resume_after=5) as log:
        log.log(5, "resumed", "after step 5")
    assert list(read_jsonl(path)) == [
        {"step": 3, "event": "reward_failed", "message": "2 of 64 timed out"},
        {"step": 5, "event": "resumed", "message": "after step 5"},
    ]
