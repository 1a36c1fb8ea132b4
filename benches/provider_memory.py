"""Peak extra memory of one provider: beyond the inputs, and without the gradients it hands over.

On the CPU a fresh process measures itself (`python -m benches.policy_memory CASE PROVIDER`); on a GPU the allocator
keeps the peak.
"""

import json
import subprocess
import sys
from dataclasses import asdict, replace
from typing import Any

import torch

from .environment import ROOT
from .memory import peak_growth
from .policy_case import PolicyCase, policy_inputs
from .policy_providers import fresh_gradients, providers

_WARM_VOCABULARY = 512  # large enough to load every library and start every thread


def peak_extra(case: PolicyCase, provider: str) -> dict[str, Any]:
    """`{"extra_bytes": …, "read": how}`."""
    if case.device == "cuda":
        return _measure_cuda(case, provider)
    command = [sys.executable, "-m", f"{__package__}.policy_memory", json.dumps(asdict(case)), provider]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{provider} at {case.label} failed in its own process:\n{done.stderr}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _measure_cpu(case: PolicyCase, provider: str) -> dict[str, Any]:
    run = providers(case)[0][provider]
    small = policy_inputs(replace(case.with_tokens(64), vocabulary=_WARM_VOCABULARY))
    with fresh_gradients(small):
        run(small)
    del small
    inputs = policy_inputs(case)
    growth, read = peak_growth(lambda: run(inputs))
    return {"extra_bytes": max(0, growth - _gradient_bytes(case, inputs.input_bytes)), "read": read}


def _measure_cuda(case: PolicyCase, provider: str) -> dict[str, Any]:
    run = providers(case)[0][provider]
    inputs = policy_inputs(case)
    with fresh_gradients(inputs):
        run(inputs)  # compiles, and lets libraries take the workspaces they keep
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    with fresh_gradients(inputs):
        run(inputs)
        torch.cuda.synchronize()
        growth = torch.cuda.max_memory_allocated() - before
    extra = max(0, growth - _gradient_bytes(case, inputs.input_bytes))
    return {"extra_bytes": extra, "read": "torch.cuda.max_memory_allocated"}


def _gradient_bytes(case: PolicyCase, input_bytes: int) -> int:
    return input_bytes if case.work == "both" else 0


if __name__ == "__main__":
    print(json.dumps(_measure_cpu(PolicyCase(**json.loads(sys.argv[1])), sys.argv[2])))
