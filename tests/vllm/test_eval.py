"""`pgkern eval` answered by the real vLLM: the same responses, and so the same validation reward."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pgkern.cli import main
from pgkern.train.config_file import to_toml

from .processes import comes_true
from .whole_runs import small_run


def trained(python: Path, folder: Path) -> str:
    (folder / "run.toml").write_text(to_toml(small_run(folder, python, "vllm", steps=0)))
    run = str(folder / "run")
    assert main(["train", str(folder / "run.toml"), "--folder", run, "--set", "engine=transformers"]) == 0
    return run


def test_vllm_answers_where_it_is_asked_for(
    vllm_python: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = trained(vllm_python, tmp_path)

    def answers(*options: str) -> tuple[str, str]:
        capsys.readouterr()
        output = tmp_path / "answers.jsonl"
        assert main(["eval", run, "--output", str(output), "--overwrite", "--samples", "2", *options]) == 0
        return output.read_text().partition("\n")[0], capsys.readouterr().out.splitlines()[-1]

    greedy, reward = answers()
    assert answers("--set", "engine=vllm") == (greedy, reward)


def test_an_evaluation_that_is_ended_leaves_no_copy_of_the_weights(vllm_python: Path, tmp_path: Path) -> None:
    run, temporary = trained(vllm_python, tmp_path), tmp_path / "temporary"
    temporary.mkdir()
    command = [sys.executable, "-m", "pgkern", "eval", run, "--set", "engine=vllm", "--samples", "2000"]
    with subprocess.Popen(command, env={**os.environ, "TMPDIR": str(temporary)}) as process:
        assert comes_true(lambda: any(temporary.glob("pgkern-eval-*/weights/model.safetensors")), seconds=300)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=120) == 128 + signal.SIGTERM
    assert not list(temporary.glob("pgkern-eval-*"))
