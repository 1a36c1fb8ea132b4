"""Random seeds that depend on (run seed, stream, step) alone, so that resuming changes none of them."""

import zlib

import numpy as np


def derive_seed(run_seed: int, stream: str, step: int = 0) -> int:
    """A 63-bit seed for the named stream of a run at a step; different streams and steps are independent."""
    state = np.random.SeedSequence([run_seed, zlib.crc32(stream.encode()), step]).generate_state(1, np.uint64)
    return int(state[0]) >> 1
