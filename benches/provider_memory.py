"""Peak extra memory of providers: beyond the inputs, and without what the suite says they hand over.

On the CPU a process that does nothing else measures itself (`python -m benches.provider_memory SUITE`, which reads
cases and names of providers, a line each, as JSON); on a GPU the allocator keeps the peak.
"""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, TextIO

import torch

from .environment import ROOT
from .memory import peak_growth
from .provider_names import COMPILED
from .suite import Provider, Suite, suite_of

_WARM_TOKENS, _WARM_VOCABULARY = 64, 512  # large enough to load every library and start every thread


class MemoryMeter:
    """Measures one case after the other; the process on the CPU lives as long as the `with` block."""

    def __init__(self, suite: Suite) -> None:
        self._suite = suite
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> "MemoryMeter":
        return self

    def __exit__(self, *_raised: object) -> None:
        if self._process is not None:
            with self._process:  # which closes its pipes: at the end of its input it ends
                pass

    def peak_extra(self, case: Any, found: Mapping[str, Provider]) -> dict[str, dict[str, Any]]:
        """`{"extra_bytes": …, "read": how}` of each provider."""
        if case.device == "cuda":
            inputs = self._suite.inputs(case)
            return {name: _measure_cuda(self._suite, case, inputs, run) for name, run in found.items()}
        if self._process is None:
            command = [sys.executable, "-m", f"{__package__}.provider_memory", self._suite.module]
            pipe = subprocess.PIPE
            self._process = subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True)
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        print(json.dumps([asdict(case), list(found)]), file=process.stdin, flush=True)
        answer = process.stdout.readline()
        if not answer:
            raise RuntimeError(f"measuring the memory at {case.label} failed: the other process's last words are above")
        extra: dict[str, dict[str, Any]] = json.loads(answer)
        return extra


def _serve(suite: Suite, requests: TextIO, answers: TextIO) -> None:
    for line in requests:
        fields, names = json.loads(line)
        print(json.dumps(_measure_cpu(suite, suite.case_type(**fields), names)), file=answers, flush=True)


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
        run = found[name]
        if name == COMPILED:  # for this very size, which takes memory too
            suite.prepare(inputs, run)
            run(inputs)
        suite.prepare(inputs, run)
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
    _answers, sys.stdout = sys.stdout, sys.stderr  # what a library prints is no answer
    _serve(suite_of(sys.argv[1]), sys.stdin, _answers)
