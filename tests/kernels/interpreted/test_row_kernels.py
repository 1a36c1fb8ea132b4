"""The kernels that know no objective, forward and backward over rows, against fp64 torch, in the interpreter."""

import math

import pytest
import torch
from torch import Tensor

from pgkern.kernels.token_log_probs_backward import token_log_probs_backward
from pgkern.kernels.token_log_probs_forward import token_log_probs_forward

CLOSE = {"rtol": 2e-5, "atol": 2e-5}
ONE = torch.ones(1)
PER_ROW = torch.tensor([0.3, 1.0, 2.5, 0.7, 1.3, 0.9])


def sample(V: int, rows: int = 6, scale: float = 3.0, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(V)
    logits = (torch.randn(rows, V, generator=random) * scale).to(dtype)
    token_ids = torch.randint(0, V, (rows,), generator=random)
    token_ids[0] = V - 1  # the last column, in the last partial block
    return logits, token_ids


def truth(
    logits: Tensor, token_ids: Tensor, temperatures: Tensor = ONE, softcap: float | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    wide = logits.double().requires_grad_()
    z = wide if softcap is None else softcap * (wide / softcap).tanh()
    log_p = (z / temperatures.double()[:, None]).log_softmax(-1)
    entropy = -torch.where(log_p == -math.inf, 0, log_p.exp() * log_p).sum(-1)
    return wide, log_p.gather(1, token_ids[:, None])[:, 0], entropy


def run_backward(
    logits: Tensor,
    token_ids: Tensor,
    c: Tensor,
    h: Tensor | None,
    out: Tensor,
    temperatures: Tensor = ONE,
    softcap: float | None = None,
    vocabulary: int | None = None,
) -> Tensor:
    _, *row = token_log_probs_forward(logits, token_ids, temperatures, softcap, vocabulary)
    return token_log_probs_backward(
        logits, token_ids, *row, c, h, temperatures, softcap, out=out, vocabulary=vocabulary
    )


@pytest.mark.parametrize("V", [1, 2, 15, 127, 1000, 4096, 4097, 50257])
@pytest.mark.parametrize("temperatures", [ONE, 0.3 * ONE, PER_ROW], ids=["1", "0.3", "per row"])
@pytest.mark.parametrize("softcap", [None, 5.0])
def test_forward_and_backward(V: int, temperatures: Tensor, softcap: float | None) -> None:
    logits, token_ids = sample(V)
    wide, log_probs, entropy = truth(logits, token_ids, temperatures, softcap)
    found = token_log_probs_forward(logits, token_ids, temperatures, softcap)
    torch.testing.assert_close(found[0].double(), log_probs, **CLOSE)
    torch.testing.assert_close(found[1].double(), entropy, **CLOSE)
    c, h = torch.linspace(-1, 2, 6), torch.linspace(1, -1, 6)
    for coefficients in ((c, None), (c, h), (torch.zeros(6), h)):
        loss = (coefficients[0] * log_probs).sum()
        loss = loss if coefficients[1] is None else loss + (coefficients[1] * entropy).sum()
        (expected,) = torch.autograd.grad(loss, wide, retain_graph=True)
        out = torch.empty_like(logits)
        gradient = run_backward(logits, token_ids, *coefficients, out, temperatures, softcap)
        torch.testing.assert_close(gradient.double(), expected, **CLOSE)


@pytest.mark.filterwarnings("ignore:(overflow|invalid value) encountered:RuntimeWarning")  # of numpy, for inf
@pytest.mark.parametrize("banned", [torch.finfo(torch.float32).min, -1e30, -math.inf])
@pytest.mark.parametrize("first", [0, 4000])
def test_whole_blocks_of_banned_logits(banned: float, first: int) -> None:
    logits, token_ids = sample(13000)
    logits[:, first : first + 5000] = banned
    token_ids[:] = 12999
    _, log_probs, entropy = truth(logits, token_ids, 0.5 * ONE)
    found = token_log_probs_forward(logits, token_ids, 0.5 * ONE, None)
    torch.testing.assert_close(found[0].double(), log_probs, **CLOSE)
    torch.testing.assert_close(found[1].double(), entropy, **CLOSE)


@pytest.mark.parametrize("softcap", [None, 30.0])
@pytest.mark.parametrize("V", [128256, 129920, 151936, 152064, 262144])
def test_a_real_vocabulary(V: int, softcap: float | None) -> None:
    logits, token_ids = sample(V, rows=2)
    wide, log_probs, entropy = truth(logits, token_ids, softcap=softcap)
    found = token_log_probs_forward(logits, token_ids, ONE, softcap)
    torch.testing.assert_close(found[0].double(), log_probs, rtol=0, atol=1e-5)
    torch.testing.assert_close(found[1].double(), entropy, rtol=0, atol=1e-5)
    (expected,) = torch.autograd.grad(log_probs.sum(), wide)
    gradient = run_backward(logits, token_ids, torch.ones(2), None, torch.empty_like(logits), softcap=softcap)
    assert (gradient - expected).norm() / expected.norm() < 1e-6


def test_the_other_two_outputs() -> None:
    """The largest logit is that of the capped ones, before the temperature; the log-sum is after it."""
    logits, token_ids = sample(5000)
    z = 5.0 * (logits.double() / 5.0).tanh()
    _, _, largest, log_sums = token_log_probs_forward(logits, token_ids, PER_ROW, 5.0)
    torch.testing.assert_close(largest.double(), z.amax(1), rtol=0, atol=2e-6)
    shifted = (z - z.amax(1, keepdim=True)) / PER_ROW.double()[:, None]
    torch.testing.assert_close(log_sums.double(), shifted.logsumexp(1), **CLOSE)


@pytest.mark.parametrize("softcap", [None, 5.0])
@pytest.mark.parametrize(
    ("V", "padding"),
    [(V, padding) for V in (2, 127, 4097) for padding in (math.nan, math.inf, -math.inf, 1e30)] + [(50257, math.nan)],
)
def test_padding_is_not_used_and_has_gradient_0(V: int, softcap: float | None, padding: float) -> None:
    logits, token_ids = sample(V, rows=3)
    wide = torch.cat([logits, torch.full((3, 5000), padding)], 1)
    c, h = torch.tensor([1.0, -2.0, 0.0]), torch.tensor([0.5, 0.0, 0.0])
    expected = token_log_probs_forward(logits, token_ids, ONE, softcap)
    found = token_log_probs_forward(wide, token_ids, ONE, softcap, V)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-6)
    expected_gradient = run_backward(logits, token_ids, c, h, torch.empty_like(logits), ONE, softcap)
    for out in (torch.empty_like(wide), torch.empty(3, V + 3), wide):  # as wide, less wide, in place
        gradient = run_backward(wide, token_ids, c, h, out, ONE, softcap, V)
        torch.testing.assert_close(gradient[:, :V], expected_gradient, rtol=1e-5, atol=1e-6)
        assert (gradient[:, V:] == 0).all()


def test_an_id_in_the_padding_is_outside_the_vocabulary() -> None:
    logits, token_ids = sample(300)
    token_ids[1] = 250
    assert token_log_probs_forward(logits, token_ids % 250, ONE, None, 250)[0].isfinite().all()
    token_ids = token_ids % 250
    token_ids[1] = 250
    log_probs, *others = token_log_probs_forward(logits, token_ids, ONE, None, 250)
    assert log_probs.isnan().nonzero().flatten().tolist() == [1]
    assert all(t.isfinite().all() for t in others)


@pytest.mark.parametrize("token_id", [-1, -100, 300, 1 << 40])
def test_a_token_outside_the_vocabulary(token_id: int) -> None:
    """No log-probability and no column of its own; everything else about the row is right."""
    logits, token_ids = sample(300)
    _, *expected = token_log_probs_forward(logits, token_ids, ONE, None)
    token_ids[1] = token_id
    log_probs, *found = token_log_probs_forward(logits, token_ids, ONE, None)
    assert log_probs.isnan().nonzero().flatten().tolist() == [1]
    assert all(map(torch.equal, found, expected))
    c = torch.ones(6)
    gradient = run_backward(logits, token_ids, c, None, torch.empty_like(logits))
    torch.testing.assert_close(gradient[1].double(), -logits[1].double().softmax(0), **CLOSE)
    c[1] = math.nan  # the caller's way of making the row NaN
    gradient = run_backward(logits, token_ids, c, None, torch.empty_like(logits))
    assert gradient.isnan().all(1).tolist() == [False, True, False, False, False, False]
    assert gradient[torch.arange(6) != 1].isfinite().all()


def test_slices_of_a_vocabulary_add_up() -> None:
    """What a rank needs that holds some columns only: log-probabilities and gradients of the whole from slices."""
    logits, token_ids = sample(1000)
    wide, log_probs, entropy = truth(logits, token_ids, PER_ROW)
    (expected,) = torch.autograd.grad(log_probs.sum() + entropy.sum(), wide)
    _, row_entropy, largest, log_sums = token_log_probs_forward(logits, token_ids, PER_ROW, None)
    inverse = 1 / PER_ROW
    sums, gradients = torch.zeros(6), []
    for start in (0, 300, 1000):  # the last slice is empty
        part, ids = logits[:, start : start + 700 if start else 300], token_ids - start
        part_log_probs, _, part_largest, part_log_sums = token_log_probs_forward(part, ids, PER_ROW, None)
        scale = ((part_largest - largest) * inverse).exp()
        sums += scale * part_log_sums.exp()
        held = (ids >= 0) & (ids < part.shape[1])
        assert part_log_probs.isnan().tolist() == (~held).tolist()
        whole = part_log_probs + part_log_sums + (part_largest - largest) * inverse - log_sums
        torch.testing.assert_close(whole[held].double(), log_probs[held].detach(), **CLOSE)
        row = (row_entropy, largest, log_sums)
        c = torch.ones(6)
        gradients.append(token_log_probs_backward(part, ids, *row, c, c, PER_ROW, None, out=torch.empty_like(part)))
    torch.testing.assert_close(sums.log(), log_sums, **CLOSE)
    torch.testing.assert_close(torch.cat(gradients, 1).double(), expected, **CLOSE)


def test_an_empty_vocabulary() -> None:
    for logits in (torch.zeros(3, 0), torch.full((3, 7), math.nan)):
        log_probs, entropy, largest, log_sums = token_log_probs_forward(
            logits, torch.tensor([0, -1, 5]), ONE, None, vocabulary=0
        )
        assert log_probs.isnan().all()
        assert (entropy == 0).all()
        assert (largest == -math.inf).all()
        assert (log_sums == -math.inf).all()
        row = (torch.ones(3), torch.ones(3), torch.ones(3))
        out = torch.empty_like(logits)
        token_log_probs_backward(
            logits, torch.tensor([0, -1, 5]), *row, torch.ones(3), None, ONE, None, out=out, vocabulary=0
        )
        assert (out == 0).all()


@pytest.mark.parametrize("kind", ["low", "huge", "certain", "banned"])
@pytest.mark.parametrize("softcap", [None, 5.0])
def test_extreme_logits(kind: str, softcap: float | None) -> None:
    logits, token_ids = sample(5000)
    if kind == "low":
        logits -= 1e4
    elif kind == "huge":
        logits *= 3e3
    elif kind == "certain":
        logits[torch.arange(6), token_ids] = 40.0
    else:
        logits[:, :4500] = -math.inf  # the whole first block
        token_ids = token_ids % 500 + 4500
    wide, log_probs, entropy = truth(logits, token_ids, softcap=softcap)
    found = token_log_probs_forward(logits, token_ids, ONE, softcap)
    torch.testing.assert_close(found[0].double(), log_probs, **CLOSE)
    torch.testing.assert_close(found[1].double(), entropy, **CLOSE)
    c, h = torch.ones(6), torch.full((6,), 0.3)
    gradient = run_backward(logits, token_ids, c, h, torch.empty_like(logits), softcap=softcap)
    assert gradient.isfinite().all()
    if kind == "banned":  # fp64 autograd through -inf * 0 is NaN
        assert (gradient[:, :4500] == 0).all()
    else:
        (expected,) = torch.autograd.grad((c * log_probs).sum() + (h * entropy).sum(), wide)
        torch.testing.assert_close(gradient.double(), expected, **CLOSE)


@pytest.mark.parametrize("softcap", [None, 5.0])
def test_nan_logits_are_not_hidden(softcap: float | None) -> None:
    logits, token_ids = sample(5000)
    logits[1, 4999] = math.nan
    log_probs, entropy, *_ = token_log_probs_forward(logits, token_ids, ONE, softcap)
    assert log_probs.isnan().tolist() == entropy.isnan().tolist() == [False, True, False, False, False, False]
    gradient = run_backward(logits, token_ids, torch.ones(6), None, torch.empty_like(logits), softcap=softcap)
    assert gradient.isnan().all(1).tolist() == [False, True, False, False, False, False]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("softcap", [None, 5.0])
def test_sixteen_bit_logits(dtype: torch.dtype, softcap: float | None) -> None:
    logits, token_ids = sample(1000, dtype=dtype)
    wide, log_probs, _ = truth(logits, token_ids, softcap=softcap)
    found = token_log_probs_forward(logits, token_ids, ONE, softcap)
    torch.testing.assert_close(found[0].double(), log_probs, **CLOSE)
    (expected,) = torch.autograd.grad(log_probs.sum(), wide)
    gradient = run_backward(logits, token_ids, torch.ones(6), None, torch.empty_like(logits), softcap=softcap)
    assert gradient.dtype == dtype
    assert (gradient.double() - expected).norm() / expected.norm() < torch.finfo(dtype).eps


def test_a_bf16_gradient_of_fp32_logits() -> None:
    logits, token_ids = sample(5000)
    expected = run_backward(logits, token_ids, torch.ones(6), None, torch.empty_like(logits))
    out = torch.empty_like(logits, dtype=torch.bfloat16)
    run_backward(logits, token_ids, torch.ones(6), None, out)
    torch.testing.assert_close(out.float(), expected, rtol=2**-7, atol=0)  # the interpreter rounds towards 0


@pytest.mark.parametrize("V", [100, 5000])
def test_rows_that_lie_apart(V: int) -> None:
    logits, token_ids = sample(V)
    wide = torch.full((6, V + 28), math.nan)
    wide[:, :V] = logits
    expected = token_log_probs_forward(logits, token_ids, ONE, None)
    found = token_log_probs_forward(wide[:, :V], token_ids, ONE, None)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)
    apart = run_backward(logits, token_ids, torch.ones(6), None, torch.empty_like(logits))
    run_backward(wide[:, :V], token_ids, torch.ones(6), None, wide[:, :V])
    assert wide[:, V:].isnan().all()
    assert torch.equal(wide[:, :V], apart)


def test_a_row_without_a_coefficient_is_not_read() -> None:
    logits, token_ids = sample(5000)
    row = token_log_probs_forward(logits, token_ids, ONE, None)[1:]
    logits[2] = math.nan
    c, h = torch.ones(6), torch.ones(6)
    c[2] = h[2] = 0.0
    for entropy_coefficients in (None, h):
        out = token_log_probs_backward(
            logits, token_ids, *row, c, entropy_coefficients, ONE, None, out=torch.empty_like(logits)
        )
        assert (out[2] == 0).all()
        assert out.isfinite().all()


def test_no_rows() -> None:
    logits, token_ids = torch.zeros(0, 50), torch.zeros(0, dtype=torch.int64)
    assert all(t.shape == (0,) for t in token_log_probs_forward(logits, token_ids, ONE, None))
    assert run_backward(logits, token_ids, torch.zeros(0), None, logits, torch.zeros(0)).shape == (0, 50)


def test_bitwise_repeatable() -> None:
    logits, token_ids = sample(5000)
    first = token_log_probs_forward(logits, token_ids, PER_ROW, 30.0)
    assert all(map(torch.equal, token_log_probs_forward(logits, token_ids, PER_ROW, 30.0), first))
    h = torch.ones(6)
    gradients = [run_backward(logits, token_ids, h, h, torch.empty_like(logits), PER_ROW, 30.0) for _ in range(2)]
    assert torch.equal(*gradients)
