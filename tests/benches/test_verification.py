from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from benches.verification_agreement import compare, disagreement_page
from benches.verification_latency import EDGES_US, latency_row
from benches.verification_pairs import Pairs, load_pairs


def test_quick_form_on_the_built_in_sample(run_quick: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    pytest.importorskip("math_verify")
    record = run_quick("verification", "--data", str(tmp_path / "absent"), "--compared", "12")
    assert any("built-in sample" in note for note in record["notes"])
    sample, together = record["rows"]
    assert sample["count"] == together["count"] == 12
    assert sum(sample["verdicts"].values()) == 12
    assert sample["labelled"] == 12
    assert sample["agreeing"] + sample["missed"] + sample["falsely_right"] == 12
    assert sample["falsely_right"] == 0
    (latency,) = record["latency"]
    assert sum(latency["counts"]) == 12
    assert latency["slowest_seconds"] >= latency["p99_seconds"] >= latency["p50_seconds"] > 0
    assert latency["slowest_id"].startswith("sample-")
    (compared,) = record["compared"]
    parts = ("both_right", "only_ours_right", "only_theirs_right", "both_wrong")
    assert sum(compared[part] for part in parts) == compared["count"] == 12
    ours_alone = [one for one in compared["disagreements"] if (one["ours"], one["math_verify"]) == ("CORRECT", "wrong")]
    assert len(ours_alone) == compared["only_ours_right"]
    assert compared["agreeing"] == sample["agreeing"]
    assert compared["math_verify_agreeing"] >= 8
    assert compared["times_faster"][1] > 0


def test_every_disagreement_is_listed_and_nothing_else() -> None:
    pairs = Pairs(
        "set",
        ["right", "refused", "let through", "unlabelled"],
        ["\\boxed{5}", "\\boxed{6}", "\\boxed{7}", "\\boxed{8}"],
        ["5", "5", "7", "8"],
        [True, False, False, None],
    )
    row = compare(pairs, lambda completion, gold: "8" not in completion)
    assert [one["id"] for one in row["disagreements"]] == ["refused", "let through", "unlabelled"]
    assert (row["both_right"], row["only_ours_right"], row["only_theirs_right"], row["both_wrong"]) == (2, 1, 1, 0)
    assert (row["labelled"], row["agreeing"], row["missed"], row["falsely_right"]) == (3, 2, 0, 1)
    assert (row["math_verify_agreeing"], row["math_verify_falsely_right"]) == (1, 2)
    page = disagreement_page([row], "head")
    assert "## set: 1 against the label, 2 others, of 4" in page
    assert "| let through | `7` | `7` | CORRECT | right | wrong |" in page


def test_the_histogram_counts_every_verdict() -> None:
    pairs = Pairs("set", ["a", "b"], ["\\boxed{5}", "x" * 500_000], ["5", "5"], [None, None])
    row = latency_row(pairs)
    assert (sum(row["counts"]), len(row["counts"])) == (2, len(EDGES_US) + 1)
    assert row["slowest_id"] == "b"
    assert row["slowest_characters"] == 500_000


def test_files_are_read_with_their_labels(tmp_path: Path) -> None:
    (tmp_path / "gsm8k_completions_5276.jsonl").write_text(
        '{"id": "a", "completion": "#### 3", "gold": "3", "expected": true}\n'
        '{"id": "b", "completion": "#### 4", "gold": "3", "expected": true, "expected_fixed": false}\n'
    )
    (tmp_path / "cases.jsonl").write_text(
        '{"kind": "verify", "pred": "+7", "pred_is": "answer", "gold": "7", "expected": true}\n'
        '{"kind": "attack", "pred": "9**9**9", "pred_is": "completion", "gold": "1", "expected": null}\n'
    )
    (completions, hard, hostile), missing = load_pairs(tmp_path)
    assert completions.labels == [True, False]
    assert (hard.completions, hard.ids, hard.hostile) == (["\\boxed{+7}"], ["case-0"], False)
    assert (hostile.completions, hostile.ids, hostile.hostile) == (["9**9**9"], ["case-1"], True)
    assert len(missing) == 5


def test_spaced_pairs_are_spread_over_the_whole_set(tmp_path: Path) -> None:
    ((sample,), _missing) = load_pairs(tmp_path / "absent")
    assert sample.spaced(4).ids == ["sample-0", "sample-3", "sample-6", "sample-9"]
    assert sample.spaced(100).ids == sample.ids
