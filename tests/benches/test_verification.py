from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from benches.verification_pairs import load_pairs


def test_quick_form_on_the_built_in_sample(run_quick: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    pytest.importorskip("math_verify")
    record = run_quick("verification", "--data", str(tmp_path / "absent"), "--compared", "12")
    assert any("built-in sample" in note for note in record["notes"])
    sample, together = record["rows"]
    assert sample["count"] == together["count"] == 12
    assert sum(sample["verdicts"].values()) == 12
    assert sample["labelled"] == 12
    assert sample["agreeing"] + len(sample["ids_against_label"]) == 12
    assert sample["agreeing"] >= 10  # two of them ask for algebra
    assert sample["slowest_seconds"] > 0
    (compared,) = record["compared"]
    parts = ("both_right", "only_ours_right", "only_theirs_right", "both_wrong")
    assert sum(compared[part] for part in parts) == compared["count"] == 12
    assert len(compared["ids_only_ours_right"]) == compared["only_ours_right"]
    assert compared["agreeing"] == sample["agreeing"]
    assert compared["math_verify_agreeing"] >= 8
    assert compared["times_faster"][1] > 0


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
