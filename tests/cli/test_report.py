from pathlib import Path

import pytest

from pgkern.cli import main
from pgkern.train.files.run_folder import RunFolder
from pgkern.train.logs.metrics import MetricsLog


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b"):
        with MetricsLog(RunFolder.create(tmp_path / name).metrics) as metrics:
            metrics.log(1, "policy_gradient", {"train_reward": 0.5})
    return ["a", "b"]


def test_a_run_has_its_report_rewritten(runs: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "a"]) == 0
    assert capsys.readouterr().out == "report: a/report.html\n"
    assert "<h1>a</h1>" in Path("a/report.html").read_text()
    assert Path("a/reward.png").exists()


def test_several_runs_become_one_page(runs: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", *runs]) == 0
    assert main(["report", *runs, "--output", "page.html"]) == 0
    assert capsys.readouterr().out == "report: comparison.html\nreport: page.html\n"
    assert Path("comparison.html").read_bytes() == Path("page.html").read_bytes()
    assert "<h1>2 runs: a, b</h1>" in Path("page.html").read_text()


def test_a_page_is_opened_on_request(runs: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    assert main(["report", "a", "--output", "page.html", "--open"]) == 0
    assert opened == [Path("page.html").resolve().as_uri()]
    assert not Path("a/report.html").exists()


@pytest.mark.parametrize("folders", [["c"], ["a", "c"]])
def test_a_folder_without_a_run(runs: list[str], folders: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", *folders]) == 2
    assert capsys.readouterr().err == "pgkern: error: c is no run folder: there is no metrics.jsonl in it\n"
