"""A batch of rollouts as a file of a checkpoint: those in flight are of weights that nobody has any more."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ...data.problem import Problem
from ...rollout.engine import Prompt, Rollout
from ..judging.rewards_in_loop import Judged
from ..sampling.drawing import Batch
from ..sampling.experience import Sample


def write_batch(path: Path, batch: Batch, problems: Sequence[Problem]) -> None:
    """`problems` are those that it was drawn from; of each sample its place among them is kept."""
    places = {id(problem): place for place, problem in enumerate(problems)}
    rows = [
        {
            "problem": places[id(sample.problem)],
            "group": sample.group,
            "rollout": asdict(sample.rollout),
            "judged": asdict(sample.judged),
        }
        for sample in batch.drawn
    ]
    numbers = {id(sample.rollout): number for number, sample in enumerate(batch.drawn)}
    kept = [[numbers[id(sample.rollout)], sample.group] for sample in batch.samples]
    path.write_text(json.dumps({"drawn": rows, "kept": kept, "draws": batch.draws, "seconds": batch.seconds}))


def read_batch(path: Path, problems: Sequence[Problem]) -> Batch:
    """The batch, number for number, drawn from the same problems."""
    stored = json.loads(path.read_text())
    drawn = [_sample(row, problems) for row in stored["drawn"]]
    kept = [Sample(drawn[at].problem, group, drawn[at].rollout, drawn[at].judged) for at, group in stored["kept"]]
    return Batch(kept, drawn, stored["draws"], stored["seconds"])


def _sample(row: dict[str, Any], problems: Sequence[Problem]) -> Sample:
    rollout, judged = row["rollout"], row["judged"]
    prompt = Prompt(rollout["prompt"]["text"], tuple(rollout["prompt"]["token_ids"]))
    lists = {name: tuple(rollout[name]) for name in ("response_ids", "log_probs")}
    failures = {name: (outcome, reason) for name, (outcome, reason) in judged["failures"].items()}
    return Sample(
        problems[row["problem"]],
        row["group"],
        Rollout(**{**rollout, **lists, "prompt": prompt}),
        Judged(**{**judged, "failures": failures}),
    )
