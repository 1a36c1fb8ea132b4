"""Several gloo processes that run the cases of a test module, and what each of them reports.

A test module names its cases, and says in `run` which groups of ranks go through them. Its workers run all of them one
after the other, so that torch is imported once per rank and not once per case.
"""

import json
import os
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch import Tensor

SECONDS = 300  # for a world: a hang is a failure, with what the workers printed


@dataclass(frozen=True)
class Ranks:
    """A process group, as one of its ranks sees it."""

    group: dist.ProcessGroup
    rank: int
    count: int

    def subgroup(self, members: Sequence[int]) -> "Ranks | None":
        """Of these ranks of the world; None to the others. The whole world must ask."""
        group = dist.new_group(list(members))
        return Ranks(group, dist.get_rank(group), len(members)) if self.rank in members else None

    def collectives(self) -> int:
        """How many there have been."""
        return int(self.group._get_sequence_number_for_group())

    def assert_same_bits(self, values: Sequence[Tensor]) -> None:
        mine = torch.cat([value.detach().reshape(-1).double() for value in values])
        everyones = [torch.empty_like(mine) for _ in range(self.count)]
        dist.all_gather(everyones, mine, group=self.group)
        for theirs in everyones:
            torch.testing.assert_close(theirs, mine, rtol=0, atol=0, equal_nan=True)


Case = Callable[[Ranks], None]
Report = dict[str, str | None]  # of one rank: what went wrong in every case, if anything did
Reports = dict[str, list[Report]]  # of every rank of a group of ranks


class Cases(dict[str, Case]):
    """By name."""

    def add(self, function: Case) -> Case:
        self[function.__name__] = function
        return function

    def failures(self, ranks: Ranks | None) -> Report:
        """Of this rank, if it is one of them."""
        found: Report = {}
        for name, function in self.items() if ranks is not None else ():
            print(name, flush=True)  # a hang shows how far every rank came
            try:
                function(ranks)
                found[name] = None
            except (Exception, pytest.fail.Exception):
                found[name] = traceback.format_exc()
                print(found[name], flush=True)  # the other ranks may now wait for this one, and end it
        return found


def run_world(module: str, world: int, folder: Path, **environment: str) -> Callable[[], Reports]:
    """Start the ranks; the function returned waits for them and collects what they report."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo", **environment}
    here, module = Path(__file__).parent, module.rpartition(".")[2]
    outputs = [folder / f"{rank}.txt" for rank in range(world)]
    workers = []
    for rank, output in enumerate(outputs):
        program = ["-m", f"{here.name}.worker", f"{here.name}.{module}"]
        command = [sys.executable, *program, str(rank), str(world), str(folder)]
        with output.open("w") as file:
            workers.append(
                subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, env=environment, cwd=here.parent)
            )
    deadline = time.monotonic() + SECONDS

    def collect() -> Reports:
        ended = []
        for worker in workers:
            try:
                ended.append(worker.wait(max(0.1, deadline - time.monotonic())))
            except subprocess.TimeoutExpired:
                ended.append(None)
        for worker in workers:
            worker.kill()
            worker.wait()
        printed = "\n".join(f"rank {rank}: {output.read_text()}" for rank, output in enumerate(outputs))
        assert ended == [0] * world, f"ranks ended with {ended} (None: not within {SECONDS} s)\n{printed}"
        reports: Reports = {}
        for rank in range(world):
            for group, found in json.loads((folder / f"{rank}.json").read_text()).items():
                if found:
                    reports.setdefault(group, []).append(found)
        return reports

    return collect


def require_no_failure(found: list[Report], ranks: int, name: str) -> None:
    assert len(found) == ranks
    failed = [f"rank {rank}: {report[name]}" for rank, report in enumerate(found) if report[name] is not None]
    if failed:
        pytest.fail("\n".join(failed), pytrace=False)
