"""Math-Verify on the same pairs, used as its own documentation says.

Its time limits are alarm signals, so it runs on the main thread only.
"""

import logging
import threading
from collections.abc import Callable
from importlib.util import find_spec

TIMEOUT_SECONDS = 5  # its own default, for each parse and for each comparison


def math_verify_grader() -> Callable[[str, str | list[str]], bool] | None:
    """A function (completion, gold) -> right?, or None where the package is not installed."""
    if find_spec("math_verify") is None:
        return None
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("Math-Verify's time limits work on the main thread only")
    from math_verify import parse, verify

    logging.getLogger("math_verify").setLevel(logging.CRITICAL)  # it logs each answer that it cannot read

    def is_right(completion: str, gold: str | list[str]) -> bool:
        answer = parse(completion, parsing_timeout=TIMEOUT_SECONDS)
        golds = [gold] if isinstance(gold, str) else gold
        return any(
            verify(
                parse(_as_mathematics(one), parsing_timeout=TIMEOUT_SECONDS), answer, timeout_seconds=TIMEOUT_SECONDS
            )
            for one in golds
        )

    is_right("So it is \\boxed{\\frac{\\sqrt{3}}{7} + x^2}.", "x^2 + 3")  # loads and compiles what it needs
    return is_right


def _as_mathematics(gold: str) -> str:
    return gold if "$" in gold else f"${gold}$"
