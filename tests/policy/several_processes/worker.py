"""One rank: `python -m several_processes.worker module rank world folder`, in the folder above."""

import importlib
import json
import sys
import warnings
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist

from .world import Ranks


def main(module: str, rank: int, world: int, folder: Path) -> None:
    torch.set_num_threads(1)
    run = importlib.import_module(module).run
    store = dist.FileStore(str(folder / "store"), world)
    dist.init_process_group("gloo", store=store, rank=rank, world_size=world, timeout=timedelta(seconds=60))
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # as pytest has it
        found = run(Ranks(dist.group.WORLD, rank, world))
    (folder / f"{rank}.json").write_text(json.dumps(found))
    dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
