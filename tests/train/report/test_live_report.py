from pathlib import Path

import pytest

from pgkern.train.files.run_folder import RunFolder
from pgkern.train.logs.metrics import MetricsLog
from pgkern.train.report import LiveReport


def test_a_report_is_written_at_once_and_then_only_when_it_is_cheap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    written_at: list[float] = []

    def write(folder: RunFolder) -> None:
        nonlocal now
        written_at.append(now)
        now += 2.0  # a report takes two seconds

    monkeypatch.setattr("pgkern.train.report.live_report.write_report", write)
    monkeypatch.setattr("pgkern.train.report.live_report.time.monotonic", lambda: now)
    report = LiveReport(RunFolder(tmp_path))
    for _ in range(300):
        report.update()
        now += 1.0
    assert written_at == [1000.0, 1102.0, 1204.0]  # each takes 2 s, then come 100 s of rest


def test_it_is_the_report(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run")
    with MetricsLog(folder.metrics) as metrics:
        metrics.log(1, "policy_gradient", {"train_reward": 0.5})
        report = LiveReport(folder)
        assert report.update()
        assert not report.update()
    assert "Train reward" in folder.report.read_text()
