"""`pgkern eval` answered by the real vLLM: the same responses, and so the same validation reward."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgkern.cli import main
from pgkern.train.config_file import to_toml

from .whole_runs import small_run


def test_vllm_answers_where_it_is_asked_for(
    vllm_python: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run.toml").write_text(to_toml(small_run(tmp_path, vllm_python, "vllm", steps=0)))
    run = str(tmp_path / "run")
    assert main(["train", str(tmp_path / "run.toml"), "--folder", run, "--set", "engine=transformers"]) == 0

    def answers(*options: str) -> tuple[str, str]:
        capsys.readouterr()
        output = tmp_path / "answers.jsonl"
        assert main(["eval", run, "--output", str(output), "--overwrite", "--samples", "2", *options]) == 0
        return output.read_text().partition("\n")[0], capsys.readouterr().out.splitlines()[-1]

    greedy, reward = answers()
    assert answers("--set", "engine=vllm") == (greedy, reward)
