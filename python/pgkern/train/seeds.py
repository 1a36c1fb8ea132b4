"""Random seeds that depend on (run seed, stream, step) alone, so that resuming changes none of them."""

import random
import zlib

import numpy as np
import torch


def derive_seed(run_seed: int, stream: str, step: int = 0) -> int:
    """A 63-bit seed for the named stream of a run at a step; different streams and steps are independent."""
    state = np.random.SeedSequence([run_seed, zlib.crc32(stream.encode()), step]).generate_state(1, np.uint64)
    return int(state[0]) >> 1


def seed_generators(run_seed: int) -> None:
    """Seed the generators of the process, which pgkern leaves alone; a reward or an engine of the user's may not."""
    random.seed(derive_seed(run_seed, "python"))
    np.random.seed(derive_seed(run_seed, "numpy") % 2**32)
    torch.manual_seed(derive_seed(run_seed, "torch"))
