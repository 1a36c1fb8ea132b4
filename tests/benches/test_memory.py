import subprocess
import sys

MEASURE = """
import sys
import numpy as np
from benches.memory import peak_growth

np.ones(90 << 20, np.uint8)  # an earlier and higher peak, given back
held = np.ones(16 << 20, np.uint8)

def run():
    passing = np.ones(int(sys.argv[1]) << 20, np.uint8)
    del passing
    return np.ones(8 << 20, np.uint8)

print(*peak_growth(run), sep="|")
"""


def measured(mebibytes: int) -> float:
    command = [sys.executable, "-c", MEASURE, str(mebibytes)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    growth, read = done.stdout.strip().split("|")
    if "reset" not in read:  # the earlier peak then stands
        assert int(growth) >= mebibytes << 20
        return float(mebibytes)
    return int(growth) / 2**20


def test_peak_growth_is_what_was_alive_at_the_worst_moment() -> None:
    small, large = measured(24), measured(64)
    assert 22 <= small <= 30
    assert 62 <= large <= 70
