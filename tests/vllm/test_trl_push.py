"""Why TRL's vLLM path is compared with nothing on a CPU: the call that it pushes by, made as it makes it."""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from pathlib import Path

import pytest
import torch

# `trl.generation.vllm_generation` pushes weight by weight to the model inside an engine of its own process.
PUSH = """
import json, sys
from pathlib import Path

def main(folder):
    from safetensors.torch import load_file
    from vllm import LLM
    llm = LLM(folder, dtype="float32", max_model_len=64, enforce_eager=True)
    model = llm.llm_engine.model_executor.driver_worker.model_runner.model
    refused = []
    weights = load_file(Path(folder) / "model.safetensors")
    for name, tensor in weights.items():
        try:
            model.load_weights([(name, tensor)])
        except (AttributeError, AssertionError) as error:
            refused.append([name, str(error)])
    Path(sys.argv[2]).write_text(json.dumps({"weights": len(weights), "refused": refused}))

if __name__ == "__main__":
    main(sys.argv[1])
"""


@pytest.mark.skipif(torch.cuda.is_available(), reason="vLLM's CPU build is what refuses it")
def test_vllms_cpu_build_refuses_weights_that_are_loaded_as_trl_does(
    vllm_python: Path, saved_models: dict[str, Path], tmp_path: Path
) -> None:
    """Where this fails the comparison has become possible."""
    (tmp_path / "push.py").write_text(PUSH)
    settings = {"VLLM_ENABLE_V1_MULTIPROCESSING": "0", "VLLM_CPU_KVCACHE_SPACE": "1", "OMP_NUM_THREADS": "1"}
    found = tmp_path / "found.json"
    command = [str(vllm_python), str(tmp_path / "push.py"), str(saved_models["untied"]), str(found)]
    result = subprocess.run(command, env={**os.environ, **settings}, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[-4000:]
    told = json.loads(found.read_text())
    assert told["weights"] == 25
    reasons = Counter(
        "no loader" if message == "'Parameter' object has no attribute 'weight_loader'" else "no place"
        for _, message in told["refused"]
    )
    assert reasons == {"no loader": 10, "no place": 4}, told["refused"]  # of two layers: q, k, v, gate, up; o, down
