"""Seconds of every provider of a case, in turn, after each has run once; who cannot run is named and left out."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch

from .provider_names import COMPILED
from .suite import Provider, Suite
from .timing import interleaved

_WARM_TOKENS = 64


def seconds_of_each(
    suite: Suite, case: Any, found: Mapping[str, Provider], rounds: int
) -> tuple[dict[str, list[float]], list[str]]:
    """Seconds by provider and round, and a line for each provider that is left out."""
    gpu = case.device == "cuda"
    synchronize: Callable[[], object] = torch.cuda.synchronize if gpu else lambda: None
    # A GPU is warmed at full size, where kernels are chosen; a CPU on a few tokens, which costs a fraction.
    warm = suite.inputs(case if gpu else replace(case, tokens=min(case.tokens, _WARM_TOKENS)))
    usable, failures = _warmed_up(suite, warm, found)
    timed = {name: found[name] for name in usable}
    interleaved(_on(warm, timed), 2 if gpu else 0, synchronize, _before(suite, warm, timed))
    del warm
    inputs = suite.inputs(case)
    if COMPILED in timed:  # for this very size
        suite.prepare(inputs, timed[COMPILED])
        timed[COMPILED](inputs)
    return interleaved(_on(inputs, timed), rounds, synchronize, _before(suite, inputs, timed)), failures


def _warmed_up(suite: Suite, inputs: Any, found: Mapping[str, Provider]) -> tuple[list[str], list[str]]:
    usable, failures = [], []
    for name, provider in found.items():
        suite.prepare(inputs, provider)
        try:
            provider(inputs)
        except torch.OutOfMemoryError:  # plain torch at the largest sizes
            failures.append(f"{name} is left out at this size: out of memory")
            torch.cuda.empty_cache()
        except Exception as error:  # a peer's release may not know this device, or these arguments
            if name in suite.must_run:
                raise
            failures.append(f"{name} is left out: {type(error).__name__}: {str(error).strip().splitlines()[:1]}")
        else:
            usable.append(name)
    return usable, failures


def _on(inputs: Any, found: Mapping[str, Provider]) -> dict[str, Callable[[], object]]:
    return {name: lambda run=run: run(inputs) for name, run in found.items()}


def _before(suite: Suite, inputs: Any, found: Mapping[str, Provider]) -> Callable[[str], object]:
    return lambda name: suite.prepare(inputs, found[name])
