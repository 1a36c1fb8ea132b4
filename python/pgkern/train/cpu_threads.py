"""How many threads torch computes with on a CPU."""

import torch

from .config import TrainConfig


def set_cpu_threads(config: TrainConfig) -> None:
    """Set them as configured.

    A step of the small model is thousands of short operations. Shared among threads, each ends at a barrier, and where
    another process takes a core the barriers dominate: a step of 0.2 s has been seen to take 12 s.
    """
    threads = config.run.cpu_threads
    if threads is None and config.model.path is None:
        threads = 1
    if threads is not None:
        torch.set_num_threads(threads)
