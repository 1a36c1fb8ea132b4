"""What a bench over cases and providers says of itself, so that timing and memory are measured in one way for all."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

Provider = Callable[[Any], Any]
"""From the inputs to what it found; what it hands over is dropped off the clock."""


@dataclass(frozen=True)
class Suite:
    """The parts of a bench. `case_type` is a frozen dataclass with device, dtype, tokens, vocabulary and label."""

    module: str  # whose SUITE this is, where a fresh process finds it
    case_type: type[Any]
    inputs: Callable[[Any], Any]  # of a case
    providers: Callable[[Any], tuple[dict[str, Provider], list[str]]]  # of a case, and a line for each that is left out
    prepare: Callable[[Any, Provider], object]  # the inputs, before every run, off the clock
    errors: Callable[[Any, Mapping[str, Provider]], dict[str, dict[str, float]]]
    time_only: tuple[str, ...]  # providers of whom neither memory nor errors say anything: the floor, which is no loss
    must_run: tuple[str, ...]  # whose failure is one of the bench; others are named and left out
    handed_over_bytes: Callable[[Any, Any], int]  # of a case and its inputs: results that are no extra memory


def suite_of(module: str) -> Suite:
    """The suite of a module's name within this package."""
    suite: Suite = import_module(f"{__package__}.{module}").SUITE
    return suite
