"""Both graders on the same pairs: how fast, how often they agree, and every pair on which anybody disagrees."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

import pgkern

from .timing import Spread, interleaved, pairwise_ratio
from .verification_pairs import Pairs

_BLOCKS = 20  # a set is compared in so many blocks, one grader after the other on each
_REPEATS = 5  # runs of ours on a block, which take about a thousandth of a second
_SHOWN = 200  # characters of an answer in the list

Grader = Callable[[str, str | list[str]], bool]


def compare(pairs: Pairs, grader: Grader) -> dict[str, Any]:
    """Verify `pairs` by both on one thread; raises nothing that the graders do not."""
    verdicts: list[int] = []
    theirs: list[bool] = []
    our_seconds, their_seconds = [], []
    for places in np.array_split(np.arange(len(pairs)), min(_BLOCKS, len(pairs))):
        block = pairs.at(places.tolist())
        begin = time.perf_counter()
        theirs += [grader(completion, gold) for completion, gold in zip(block.completions, block.golds, strict=True)]
        their_seconds.append(time.perf_counter() - begin)

        def verify(block: Pairs = block) -> object:
            return pgkern.verify_many(block.completions, block.golds, num_threads=1)

        our_seconds.append(Spread.of(interleaved({"ours": verify}, _REPEATS)["ours"]).median)
        verdicts += pgkern.verify_many(block.completions, block.golds).tolist()
    ours = [verdict == pgkern.Verdict.CORRECT for verdict in verdicts]
    our_labels, their_labels = agreement(pairs, ours), agreement(pairs, theirs)
    return {
        "pairs": pairs.name,
        "count": len(pairs),
        "pairs_per_second": float(f"{len(pairs) / sum(our_seconds):.4g}"),
        "math_verify_pairs_per_second": float(f"{len(pairs) / sum(their_seconds):.4g}"),
        "times_faster": pairwise_ratio(their_seconds, our_seconds).to_json(),
        "times_faster_in_all": float(f"{sum(their_seconds) / sum(our_seconds):.4g}"),
        "goal": pairs.goal,
        "both_right": sum(a and b for a, b in zip(ours, theirs, strict=True)),
        "only_ours_right": sum(a and not b for a, b in zip(ours, theirs, strict=True)),
        "only_theirs_right": sum(b and not a for a, b in zip(ours, theirs, strict=True)),
        "both_wrong": sum(not a and not b for a, b in zip(ours, theirs, strict=True)),
        **our_labels,
        **{f"math_verify_{name}": value for name, value in their_labels.items() if name != "labelled"},
        "disagreements": _disagreements(pairs, verdicts, theirs),
    }


def agreement(pairs: Pairs, right: list[bool]) -> dict[str, int]:
    """How verdicts stand to the labels: agreeing with them, missing right ones, letting wrong ones through."""
    labelled = [(label, one) for label, one in zip(pairs.labels, right, strict=True) if label is not None]
    return {
        "labelled": len(labelled),
        "agreeing": sum(label == one for label, one in labelled),
        "missed": sum(label and not one for label, one in labelled),
        "falsely_right": sum(one and not label for label, one in labelled),
    }


def _disagreements(pairs: Pairs, verdicts: list[int], theirs: list[bool]) -> list[dict[str, Any]]:
    """Every pair on which ours, theirs and the label are not all the same."""
    rows = []
    for number, (verdict, other) in enumerate(zip(verdicts, theirs, strict=True)):
        ours, label = verdict == pgkern.Verdict.CORRECT, pairs.labels[number]
        if ours == other and label in (None, ours):
            continue
        gold = pairs.golds[number]
        rows.append(
            {
                "id": pairs.ids[number],
                "gold": _shown(gold if isinstance(gold, str) else " | ".join(gold)),
                "answer": _shown(pgkern.extract_answer(pairs.completions[number]) or ""),
                "ours": pgkern.Verdict(verdict).name,
                "math_verify": "right" if other else "wrong",
                "label": {None: "", True: "right", False: "wrong"}[label],
            }
        )
    return rows


def disagreement_page(compared: list[dict[str, Any]], head: str) -> str:
    """All of them as Markdown, those against a label first."""
    lines = ["# Pairs on which pgkern, Math-Verify and the label do not all agree", "", head, ""]
    for row in compared:
        mine = [one for one in row["disagreements"] if _against_label(one)]
        rest = [one for one in row["disagreements"] if one not in mine]
        lines += [f"## {row['pairs']}: {len(mine)} against the label, {len(rest)} others, of {row['count']:,}", ""]
        if mine or rest:
            lines += ["| id | gold | answer | pgkern | Math-Verify | label |", "|---|---|---|---|---|---|"]
            lines += [_line(one) for one in [*mine, *rest]] + [""]
    return "\n".join(lines).rstrip() + "\n"


def _against_label(one: dict[str, Any]) -> bool:
    return bool(one["label"]) and (one["ours"] == "CORRECT") != (one["label"] == "right")


def _line(one: dict[str, Any]) -> str:
    cells = [one["id"], f"`{one['gold']}`", f"`{one['answer']}`", one["ours"], one["math_verify"], one["label"]]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _shown(text: str) -> str:
    flat = " ".join(text.replace("`", "'").split())
    return flat if len(flat) <= _SHOWN else flat[:_SHOWN] + "..."
