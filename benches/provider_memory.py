"""Peak extra memory of providers: beyond the inputs, and without what the suite says they hand over.

On the CPU a fresh process measures itself (`python -m benches.provider_memory SUITE CASE PROVIDER…`); on a GPU the
allocator keeps the peak.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import torch

from .environment import ROOT
from .memory import peak_growth
from .suite import Provider, Suite, suite_of

_WARM_TOKENS, _WARM_VOCABULARY = 64, 512  # large enough to load every library and start every thread


def peak_extra(suite: Suite, case: Any, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """`{"extra_bytes": …, "read": how}` of each provider."""
    if case.device == "cuda":
        found = suite.providers(case)[0]
        inputs = suite.inputs(case)
        return {name: _measure_cuda(suite, case, inputs, found[name]) for name in names}
    command = [sys.executable, "-m", f"{__package__}.provider_memory", suite.module, json.dumps(asdict(case)), *names]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{', '.join(names)} at {case.label} failed in their own process:\n{done.stderr}")
    measured: dict[str, dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return measured


def _measure_cpu(suite: Suite, case: Any, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    found = suite.providers(case)[0]
    small = suite.inputs(replace(case, tokens=_WARM_TOKENS, vocabulary=_WARM_VOCABULARY))
    for name in names:
        suite.prepare(small, found[name])
        found[name](small)
    del small
    inputs = suite.inputs(case)
    measured = {}
    for name in names:
        suite.prepare(inputs, found[name])
        run = found[name]
        growth, read = peak_growth(lambda run=run: run(inputs))
        measured[name] = {"extra_bytes": max(0, growth - suite.handed_over_bytes(case, inputs)), "read": read}
    return measured


def _measure_cuda(suite: Suite, case: Any, inputs: Any, run: Provider) -> dict[str, Any]:
    suite.prepare(inputs, run)
    run(inputs)  # compiles, and lets libraries take the workspaces they keep
    suite.prepare(inputs, run)
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    result = run(inputs)
    torch.cuda.synchronize()
    growth = torch.cuda.max_memory_allocated() - before
    del result
    extra = max(0, growth - suite.handed_over_bytes(case, inputs))
    return {"extra_bytes": extra, "read": "torch.cuda.max_memory_allocated"}


if __name__ == "__main__":
    _suite = suite_of(sys.argv[1])
    print(json.dumps(_measure_cpu(_suite, _suite.case_type(**json.loads(sys.argv[2])), sys.argv[3:])))
