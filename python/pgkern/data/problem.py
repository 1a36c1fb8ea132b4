"""One verifiable problem."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """A question, the answer that the verifier compares with, and a worked solution where there is one."""

    question: str
    gold: str
    solution: str | None = None
    """Text that continues the prompt, in the prompt's format; the supervised warm-up imitates it."""
