from argparse import Namespace
from collections.abc import Callable
from typing import Any

import pytest
import torch
from benches.logit_case import LogitCase
from benches.logit_inputs import logit_inputs
from benches.logit_outcome import from_log_probs
from benches.logit_providers import providers
from benches.logit_truth import errors
from benches.logits_policy_loss import grid
from benches.provider_names import COPY, CROSS_ENTROPY, NAIVE, PGKERN, PGKERN_IN_PLACE

TRL = "TRL selective_log_softmax"
ALL_WORK = ["log_probs", "entropy", "log_prob_gradient", "loss", "sequence_loss"]


def case(work: str, dtype: str = "float32", **more: Any) -> LogitCase:
    return LogitCase("cpu", dtype, 64, 509, work, **more)  # type: ignore[arg-type]


def test_quick_form(run_quick: Callable[..., dict[str, Any]]) -> None:
    pytest.importorskip("trl")
    record = run_quick("logits_policy_loss", "--device", "cpu")
    rows = record["rows"]
    plain = [row for row in rows if not row["entropy_bonus"]]
    assert [row["work"] for row in plain if row["provider"] == PGKERN] == ALL_WORK
    by_work = {work: {row["provider"]: row for row in plain if row["work"] == work} for work in ALL_WORK}
    assert by_work["log_probs"].keys() == {PGKERN, NAIVE, CROSS_ENTROPY, TRL, COPY}
    assert by_work["entropy"].keys() == {PGKERN, NAIVE, TRL, COPY}
    assert by_work["loss"].keys() == {PGKERN, PGKERN_IN_PLACE, NAIVE, CROSS_ENTROPY, TRL, COPY}
    for row in rows:
        median, p20, p80 = row["seconds"]
        assert 0 < p20 <= median <= p80
        assert row["gb_per_second"] == pytest.approx(row["moved_bytes"] / median / 1e9, rel=1e-3)
        assert row["logits_bytes"] == 64 * 509 * (4 if row["dtype"] == "float32" else 2)
        if row["provider"] == COPY:
            assert row["copy_share"] == [1.0, 1.0, 1.0]
            assert row["moved_bytes"] == 2 * row["logits_bytes"]
        else:
            assert row["extra_bytes"] >= 0
    for work, of_work in by_work.items():
        found = of_work[PGKERN]
        assert found.get("log_prob_error", 0) < 1e-5, work
        assert found.get("entropy_error", 0) < 1e-5, work
        assert found.get("loss_error", 0) < 1e-6, work
        assert found.get("gradient_error", 0) < 2e-5, work


def test_absent_peers_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benches.peers.find_spec", lambda _package: None)
    found, missing = providers(case("loss"))
    assert found.keys() == {PGKERN, PGKERN_IN_PLACE, NAIVE, CROSS_ENTROPY, COPY}
    for package in ("trl", "liger_kernel", "quack", "flash_attn"):
        assert any(f"the package {package} is not installed" in line for line in missing)


def test_peers_of_another_device_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benches.peers.find_spec", lambda package: package == "liger_kernel" or None)
    found, missing = providers(case("loss"))
    assert not any("Liger" in name for name in found)
    assert "Liger triton_grpo_loss is left out: it does not run on cpu" in missing


def test_bytes_by_hand() -> None:
    def moved(work: str, dtype: str = "bfloat16", unmasked: float = 1.0) -> float:
        return LogitCase("cuda", dtype, 4, 10, work, unmasked=unmasked).moved_bytes  # type: ignore[arg-type]

    assert moved("log_probs") == moved("entropy") == 80  # 4 rows of 10 numbers of 2 bytes, read
    assert moved("log_probs", "float32") == 160
    assert moved("loss") == 160  # read, and a gradient written
    assert moved("log_prob_gradient") == moved("sequence_loss") == 240  # read twice, written
    assert moved("loss", unmasked=0.5) == 120  # half of them read, all written
    assert moved("sequence_loss", unmasked=0.5) == 160


@pytest.mark.parametrize("work", ALL_WORK)
@pytest.mark.parametrize(
    "more", [{}, {"peaked": True}, {"entropy_bonus": True}, {"unmasked": 0.5}, {"dtype": "bfloat16"}], ids=str
)
def test_every_provider_computes_the_same_thing(work: str, more: dict[str, Any]) -> None:
    this = case(work, **more)
    if not this.has_loss and (this.entropy_bonus or this.unmasked < 1):
        pytest.skip("says something about losses only")
    for name, found in errors(this, {name: run for name, run in providers(this)[0].items() if name != COPY}).items():
        if this.dtype == "bfloat16" and name == TRL:  # its log-probabilities are bf16 too: GSPO's ratios are clipped
            continue
        # Peaked: 1 - p is 3e-4, of which fp32 leaves three digits.
        bound = 5e-3 if this.peaked or this.dtype == "bfloat16" else 2e-5
        assert max(found.values()) < bound, name


def test_logits_are_the_same_before_every_run() -> None:
    inputs = logit_inputs(case("loss", unmasked=0.5))
    first = inputs.logits().detach().clone()
    assert torch.equal(inputs.mask_BL.sum(1), torch.full((8,), 4.0))
    for provider in providers(inputs.case)[0].values():
        provider.prepare(inputs)
        assert torch.equal(inputs.logits(), first)
        provider(inputs)
    providers(inputs.case)[0][PGKERN_IN_PLACE](inputs)
    assert not torch.equal(inputs.logits(), first)


def test_rows_moved_apart_are_the_same_rows() -> None:
    inputs = logit_inputs(case("loss"))
    first = inputs.logits().detach().clone()
    inputs.make_logits_with_one_more()
    assert inputs.logits_with_one_more().shape == (8, 9, 509)
    assert torch.equal(inputs.logits_with_one_more()[:, :-1], first)


def test_only_in_place_the_gradient_lies_over_the_logits() -> None:
    this = case("loss")
    for name, provider in providers(this)[0].items():
        if name != COPY:
            inputs = logit_inputs(this)
            gradient = provider(inputs).gradient
            assert (gradient.data_ptr() == inputs.buffer.data_ptr()) == (name == PGKERN_IN_PLACE) == provider.in_place


def test_no_token_is_clipped() -> None:
    for work in ("loss", "sequence_loss"):
        inputs = logit_inputs(case(work, "bfloat16", unmasked=0.5))
        gradient = providers(inputs.case)[0][NAIVE](inputs).gradient
        assert torch.equal(gradient.abs().amax(-1) > 0, inputs.mask_BL > 0)


def test_the_gpu_changes_one_thing_at_a_time() -> None:
    options = Namespace(quick=False, compile=False, vocabulary=None, dtype=["bfloat16"], tokens=None, work=None)
    cases = list(grid("cuda", options))
    assert (cases[0].tokens, cases[0].vocabulary, cases[0].work) == (16_384, 151_936, "loss")  # what matters most
    assert {this.tokens for this in cases} == {4096, 16_384}
    assert {this.vocabulary for this in cases} == {128_256, 151_936, 262_208}
    assert all(this.compiled for this in cases)
    changed = [(this.peaked, this.entropy_bonus, this.unmasked < 1) for this in cases]
    assert sorted(map(sum, changed)) == [0] * 30 + [1] * 3
    assert not any(this.compiled for this in grid("cpu", options))


def test_tokens_that_do_not_make_equal_sequences_are_refused() -> None:
    with pytest.raises(ValueError, match=r"63 tokens .* multiple of 8"):
        logit_inputs(LogitCase("cpu", "float32", 63, 127, "loss"))


def test_log_probs_without_gradients_keep_no_graph() -> None:
    def log_probs(logits: torch.Tensor, ids: torch.Tensor, _with_entropy: bool) -> tuple[torch.Tensor, None]:
        assert not torch.is_grad_enabled()
        return logits.log_softmax(-1).gather(-1, ids[..., None])[..., 0], None

    assert not from_log_probs(log_probs)(logit_inputs(case("log_probs"))).values.requires_grad
