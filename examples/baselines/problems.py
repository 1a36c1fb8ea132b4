"""The problems of the experiment: every sum of two two-digit numbers, in GSM8K's form."""

import json
import random
from pathlib import Path


def write_problems(path: Path) -> None:
    """`{"question": "47+85=", "answer": "#### 132"}`, 8,100 lines in an order that never changes."""
    pairs = [(a, b) for a in range(10, 100) for b in range(10, 100)]
    random.Random(0).shuffle(pairs)
    lines = (json.dumps({"question": f"{a}+{b}=", "answer": f"#### {a + b}"}) for a, b in pairs)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
