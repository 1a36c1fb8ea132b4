"""The kernels that compute the policy loss, over tokens and over rows, against fp64 autograd, in the interpreter.

The formulas below are written as the papers write them, not as the kernels do. Names: N tokens, V columns.
"""

import math
from dataclasses import dataclass, replace
from itertools import product

import pytest
import torch
from torch import Tensor

from pgkern.kernels import token_objective
from pgkern.kernels.device_objective import DeviceObjective
from pgkern.kernels.policy_loss_rows import policy_loss_rows
from pgkern.kernels.token_losses import token_losses

ONE = torch.ones(1)
PER_ROW = torch.tensor([0.3, 1.0, 2.5, 0.7, 1.3, 0.9])
CLOSE = {"rtol": 2e-5, "atol": 2e-5}
SURROGATES = {
    "none": DeviceObjective(token_objective.no_ratio),
    "plain": DeviceObjective(token_objective.plain_ratio),
    "clip": DeviceObjective(token_objective.clipped_ratio, (0.8, 1.28, math.inf, 0.0)),
    "dual clip": DeviceObjective(token_objective.clipped_ratio, (0.8, 1.28, 3.0, 0.0)),
    "delta": DeviceObjective(token_objective.clipped_ratio, (0.8, 1.2, 1.5, 0.0)),
    "no bounds": DeviceObjective(token_objective.clipped_ratio, (-math.inf, math.inf, math.inf, 0.0)),
    "detach": DeviceObjective(token_objective.detached_ratio, (0.5, 2.0, 0.0, 0.0)),
    "detach above": DeviceObjective(token_objective.detached_ratio, (-math.inf, 5.0, 0.0, 0.0)),
    "soft gate": DeviceObjective(token_objective.soft_gate, (1.0, 1.05, 0.0, 0.0)),
    "steep gate": DeviceObjective(token_objective.soft_gate, (3.0, 200.0, 0.0, 0.0)),
}
MASK = (0.5, 2.0, 0.0, 0.0)
TRUNCATE = (0.5, 2.0, 0.5, 2.0)


def surrogate_loss(name: str, log_prob: Tensor, log_ratio: Tensor, A: Tensor, p: tuple[float, ...]) -> Tensor:
    r = log_ratio.clamp(-20, 20).exp()
    if name == "none":
        return -A * log_prob
    if name == "plain":
        return -A * r
    if "detach" in name:
        return -A * r.detach().clamp(p[0], p[1]) * log_prob
    if "gate" in name:
        tau = torch.where(A > 0, p[0], p[1])
        return -A * torch.sigmoid(tau * (r - 1)) * 4 / tau
    if name == "delta":  # INTELLECT-2's two-sided clip
        return -torch.minimum(A * r.clamp(max=max(p[2], p[1])), A * r.clamp(p[0], p[1]))
    clipped = torch.minimum(A * r, A * r.clamp(p[0], p[1]))
    return -torch.where(A < 0, torch.maximum(clipped, p[2] * A), clipped)


def exact_losses(
    name: str,
    objective: DeviceObjective,
    log_prob: Tensor,
    entropy: Tensor | None,
    A: Tensor,
    weight: Tensor,
    old: Tensor | None,
    ref: Tensor | None,
    rollout: Tensor | None,
) -> Tensor:
    old = log_prob.detach() if old is None else old
    loss = surrogate_loss(name, log_prob, log_prob - old, A, objective.parameters)
    if rollout is not None:
        floor, cap, below, above = objective.correction
        rho = (old - rollout).clamp(-20, 20).exp().detach()
        loss = loss * torch.where(rho > cap, above, torch.where(rho < floor, below, rho))
    if ref is not None:
        d = (log_prob - ref).clamp(-20, 20)
        k1, k2, k3 = objective.kl
        loss = loss + k1 * d + k2 * d**2 / 2 + k3 * (torch.expm1(-d) + d)
    if objective.entropy_coef:
        loss = loss - objective.entropy_coef * entropy
    return weight * loss


@dataclass
class Tokens:
    """Inputs of `token_losses`; in fp32, so that fp64 starts from the same numbers."""

    log_prob: Tensor
    entropy: Tensor | None
    A: Tensor
    weight: Tensor
    old: Tensor | None
    ref: Tensor | None
    rollout: Tensor | None

    def all(self) -> list[Tensor | None]:
        return [self.log_prob, self.entropy, self.A, self.weight, self.old, self.ref, self.rollout]

    def exact(self, name: str, objective: DeviceObjective) -> tuple[Tensor, Tensor]:
        wide = [None if t is None else t.double() for t in self.all()]
        log_prob = wide[0].requires_grad_()
        losses = exact_losses(name, objective, log_prob, *wide[1:])
        (coefficients,) = torch.autograd.grad(losses.sum(), log_prob, allow_unused=True)
        return losses.detach(), torch.zeros_like(losses) if coefficients is None else coefficients


def grid() -> Tokens:
    """Ratios around every bound in use and far beyond the clamp, by the advantage's sign, by drift from the rollout."""
    edges = [math.log(r) + e for r in (0.5, 0.8, 1.2, 1.28, 1.5, 2.0, 3.0, 5.0) for e in (-1e-3, 1e-3)]
    log_ratios = [0.0, *edges, 0.1, -0.1, 19.9, -19.9, 20.1, -20.1, 100.0, -100.0, 1e4]
    signs = [1.5, -1.5, 0.0]
    drifts = [0.0, 0.3, -0.3, 1.0, -1.0, 50.0, -50.0]
    cells = torch.tensor(list(product(log_ratios, signs, drifts)))
    log_ratio, A, drift = cells.T.contiguous()
    N = A.numel()
    random = torch.Generator().manual_seed(0)
    log_prob = -torch.rand(N, generator=random) * 4
    old = log_prob - log_ratio
    d = torch.tensor([1e-6, -1e-4, 0.01, 0.049, -0.049, 0.051, -0.051, 1.0, -3.0, 19.9, -19.9, 25.0, -25.0])
    ref = log_prob - d.repeat(N)[:N]
    weight = torch.rand(N, generator=random) + 0.1
    return Tokens(log_prob, torch.rand(N, generator=random), A, weight, old, ref, old - drift)


@pytest.mark.parametrize("name", SURROGATES)
@pytest.mark.parametrize("kl", [(0.0, 0.0, 0.0), (0.3, 0.0, 0.0), (0.0, 0.3, 0.0), (0.0, 0.0, 0.3)])
@pytest.mark.parametrize("correction", [None, TRUNCATE, MASK])
def test_token_losses(name: str, kl: tuple[float, float, float], correction: tuple | None) -> None:
    tokens = grid()
    objective = replace(SURROGATES[name], kl=kl, entropy_coef=0.01)
    if correction is None:
        tokens.rollout = None
    else:
        objective = replace(objective, correction=correction)
    if not any(kl):
        tokens.ref = None
    losses, coefficients = token_losses(*tokens.all(), objective)
    expected, expected_coefficients = tokens.exact(name, objective)
    torch.testing.assert_close(losses.double(), expected, rtol=2e-5, atol=1e-6)
    torch.testing.assert_close(coefficients.double(), expected_coefficients, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("name", SURROGATES)
def test_without_old_log_probs_the_ratio_is_1_and_has_a_gradient(name: str) -> None:
    tokens = replace(grid(), old=None, ref=None, rollout=None)
    losses, coefficients = token_losses(*tokens.all(), SURROGATES[name])
    expected, expected_coefficients = tokens.exact(name, SURROGATES[name])
    torch.testing.assert_close(losses.double(), expected, rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(coefficients.double(), expected_coefficients, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", SURROGATES)
def test_advantage_0_gives_0(name: str) -> None:
    tokens = replace(grid(), ref=None, rollout=None)
    tokens.A = torch.zeros_like(tokens.A)
    losses, coefficients = token_losses(*tokens.all(), SURROGATES[name])
    assert (losses == 0).all()
    assert (coefficients == 0).all()


def test_k3_keeps_its_digits_near_0() -> None:
    d = torch.tensor([1e-7, -1e-6, 1e-5, 1e-4, -1e-3, 0.01, 0.0499, 0.0501, -0.0501])
    log_prob = torch.full_like(d, -0.1)
    objective = DeviceObjective(token_objective.no_ratio, kl=(0.0, 0.0, 1.0))
    zeros, ones = torch.zeros_like(d), torch.ones_like(d)
    tokens = Tokens(log_prob, None, zeros, ones, None, log_prob - d, None)
    losses, coefficients = token_losses(*tokens.all(), objective)
    d = log_prob.double() - tokens.ref.double()
    torch.testing.assert_close(losses.double(), d**2 / 2 - d**3 / 6 + d**4 / 24 - d**5 / 120, rtol=1e-4, atol=0)
    torch.testing.assert_close(
        losses[:7].double(), (d**2 / 2 - d**3 / 6 + d**4 / 24 - d**5 / 120)[:7], rtol=1e-6, atol=0
    )
    torch.testing.assert_close(coefficients.double(), -torch.expm1(-d), rtol=2e-6, atol=0)


@pytest.mark.parametrize("A", [1.0, -1.0])
def test_on_a_bound_the_gradient_is_whole(A: float) -> None:
    one = torch.ones(1)
    for parameters in ((1.0, 1.0, 1.0, 0.0), (1.0, 1.0, math.inf, 0.0)):
        objective = DeviceObjective(token_objective.clipped_ratio, parameters)
        losses, coefficients = token_losses(-one, None, A * one, one, -one, None, None, objective)
        assert (losses.item(), coefficients.item()) == (-A, -A)


def test_on_the_bounds_of_the_log_ratio_the_gradient_is_whole_and_beyond_them_0() -> None:
    log_ratio = torch.tensor([20.0, -20.0, 20.001, -20.001])
    ones = torch.ones(4)
    objective = DeviceObjective(token_objective.plain_ratio)
    _, coefficients = token_losses(log_ratio, None, ones, ones, torch.zeros(4), None, None, objective)
    expected = -torch.tensor([20.0, -20.0]).exp()
    torch.testing.assert_close(coefficients, torch.cat([expected, torch.zeros(2)]), rtol=1e-6, atol=0)
    objective = DeviceObjective(token_objective.no_ratio, kl=(1.0, 0.0, 0.0))
    _, coefficients = token_losses(log_ratio, None, 0 * ones, ones, None, torch.zeros(4), None, objective)
    assert coefficients.tolist() == [1.0, 1.0, 0.0, 0.0]


@pytest.mark.parametrize("name", SURROGATES)
@pytest.mark.parametrize("junk", [math.nan, math.inf, -math.inf])
def test_tokens_of_weight_0_use_nothing(name: str, junk: float) -> None:
    tokens = grid()
    objective = replace(SURROGATES[name], kl=(0.0, 0.0, 0.1), entropy_coef=0.1, correction=TRUNCATE)
    expected = token_losses(*tokens.all(), objective)
    for tensor in tokens.all():
        tensor[::3] = junk
    tokens.weight[::3] = 0.0
    for one, other in zip(token_losses(*tokens.all(), objective), expected, strict=True):
        assert (one[::3] == 0).all()
        assert torch.equal(one[1::3], other[1::3])


@pytest.mark.parametrize("name", SURROGATES)
@pytest.mark.parametrize("field", ["log_prob", "entropy", "A", "weight", "old", "ref", "rollout"])
def test_a_nan_is_not_hidden(name: str, field: str) -> None:
    tokens = grid()
    getattr(tokens, field)[5] = math.nan
    objective = replace(SURROGATES[name], kl=(0.0, 0.0, 0.1), entropy_coef=0.1, correction=TRUNCATE)
    losses, coefficients = token_losses(*tokens.all(), objective)
    if name == "none" and field == "old":  # only the correction uses it
        tokens.rollout = None
        losses_without, _ = token_losses(*tokens.all(), objective)
        assert losses_without[5].isfinite()
    assert losses[5].isnan()
    assert losses.isnan().sum() == 1
    if field != "entropy":
        assert coefficients[5].isnan()


def test_without_a_coefficient_the_reference_and_the_entropy_are_not_used() -> None:
    tokens = grid()
    expected = token_losses(*replace(tokens, ref=None, entropy=None).all(), SURROGATES["clip"])
    tokens.ref[:], tokens.entropy[:] = math.nan, math.inf
    assert all(map(torch.equal, token_losses(*tokens.all(), SURROGATES["clip"]), expected))


@pytest.mark.parametrize("N", [0, 1, 1023, 1024, 1025])
def test_any_number_of_tokens(N: int) -> None:
    ones = torch.ones(N)
    losses, coefficients = token_losses(-ones, None, ones, ones, None, None, None, SURROGATES["plain"])
    assert (losses == -1).all()
    assert (coefficients == -1).all()
    assert losses.shape == (N,)


# ---- over rows of logits ----


def sample(V: int, rows: int = 6) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(V)
    logits = torch.randn(rows, V, generator=random) * 3
    token_ids = torch.randint(0, V, (rows,), generator=random)
    token_ids[0] = V - 1  # the last column, in the last partial block
    return logits, token_ids


def per_token(rows: int = 6) -> tuple[Tensor, ...]:
    """Advantages, weights and how far old, reference and rollout lie from the log-probabilities."""
    return (
        torch.tensor([1.0, -1.0, 2.0, 0.0, -0.5, 1.5])[:rows],
        torch.tensor([0.5, 0.25, 1.0, 1.0, 0.125, 2.0])[:rows],
        torch.tensor([-0.5, 0.5, 0.1, 0.0, -0.5, 0.05])[:rows],
        torch.tensor([0.3, -0.2, 0.0, 0.1, 1.0, -1.0])[:rows],
        torch.tensor([-0.3, 0.2, 0.4, 1.0, -1.5, 0.05])[:rows],
    )


def check_rows_against_truth(
    name: str,
    objective: DeviceObjective,
    V: int,
    temperatures: Tensor,
    softcap: float | None,
    *,
    rows: int = 6,
    padding: int = 0,
    old: bool = True,
    rollout: bool = True,
) -> None:
    logits, token_ids = sample(V, rows)
    temperatures = temperatures[:rows]
    A, weight, *drifts = per_token(rows)
    wide = logits.double().requires_grad_()
    z = wide if softcap is None else softcap * (wide / softcap).tanh()
    log_p = (z / temperatures.double()[:, None]).log_softmax(-1)
    log_probs = log_p.gather(1, token_ids[:, None])[:, 0]
    entropy = -(log_p.exp() * log_p).sum(-1)
    given = [(log_probs.detach() + drift).float() for drift in drifts]
    given = [given[0] if old else None, given[1] if any(objective.kl) else None, given[2] if rollout else None]
    exact = [None if t is None else t.double() for t in (A, weight, *given)]
    losses = exact_losses(name, objective, log_probs, entropy, *exact)
    (expected,) = torch.autograd.grad(losses.sum(), wide, retain_graph=True)
    without_entropy = replace(objective, entropy_coef=0.0)
    (coefficients,) = torch.autograd.grad(
        exact_losses(name, without_entropy, log_probs, None, *exact).sum(), log_probs, retain_graph=True
    )
    padded = torch.cat([logits, torch.full((rows, padding), math.nan)], 1)

    for out in (None, torch.empty(rows, V + padding), torch.empty(rows, V + 3 * padding + 28)[:, 7:], padded):
        found = policy_loss_rows(
            padded, token_ids, A, weight, *given, objective, temperatures, softcap, out=out, vocabulary=V
        )
        for ours, theirs in zip(found, (losses, log_probs, entropy, coefficients), strict=True):
            torch.testing.assert_close(ours.double(), theirs.detach(), **CLOSE)
        if out is not None:
            torch.testing.assert_close(out[:, :V].double(), expected, **CLOSE)
            assert (out[:, V:] == 0).all()


@pytest.mark.parametrize("name", SURROGATES)
@pytest.mark.parametrize("V", [2, 127, 4097])
@pytest.mark.parametrize("entropy_coef", [0.0, 0.1])
@pytest.mark.parametrize("softcap", [None, 5.0])
def test_policy_loss_rows(name: str, V: int, entropy_coef: float, softcap: float | None) -> None:
    objective = replace(SURROGATES[name], entropy_coef=entropy_coef, kl=(0.0, 0.0, 0.2), correction=TRUNCATE)
    check_rows_against_truth(name, objective, V, PER_ROW, softcap)


@pytest.mark.parametrize("kl", [(0.0, 0.0, 0.0), (0.3, 0.0, 0.0), (0.0, 0.3, 0.0), (0.0, 0.0, 0.3)])
@pytest.mark.parametrize("correction", [None, TRUNCATE, MASK])
@pytest.mark.parametrize("old", [True, False])
def test_what_is_added_to_the_surrogate(kl: tuple[float, float, float], correction: tuple | None, old: bool) -> None:
    objective = replace(SURROGATES["clip"], kl=kl)
    if correction is not None:
        objective = replace(objective, correction=correction)
    check_rows_against_truth("clip", objective, 127, 0.7 * ONE, None, old=old, rollout=correction is not None)


@pytest.mark.parametrize("V", [2, 127, 4097])
@pytest.mark.parametrize("padding", [1, 47, 5000])
@pytest.mark.parametrize("softcap", [None, 5.0])
def test_padding(V: int, padding: int, softcap: float | None) -> None:
    objective = replace(SURROGATES["dual clip"], entropy_coef=0.05)
    check_rows_against_truth("dual clip", objective, V, PER_ROW, softcap, padding=padding)


@pytest.mark.parametrize(
    ("V", "padding"), [(50257, 47), (128256, 0), (129920, 0), (151936, 0), (152064, 0), (262144, 64)]
)
def test_real_vocabularies(V: int, padding: int) -> None:
    objective = replace(SURROGATES["clip"], entropy_coef=0.01, kl=(0.0, 0.0, 0.1))
    check_rows_against_truth("clip", objective, V, PER_ROW, 30.0, rows=2, padding=padding)


def test_a_row_and_its_token_say_the_same() -> None:
    logits, token_ids = sample(5000)
    A, weight, *drifts = per_token()
    for objective in SURROGATES.values():
        full = replace(objective, kl=(0.0, 0.1, 0.0), entropy_coef=0.02, correction=MASK)
        log_probs = policy_loss_rows(logits, token_ids, A, weight, None, None, None, objective, ONE, None, out=None)[1]
        given = [log_probs + drift for drift in drifts]
        losses, _, entropy, coefficients = policy_loss_rows(
            logits, token_ids, A, weight, *given, full, ONE, None, out=None
        )
        expected = token_losses(log_probs, entropy, A, weight, *given, full)
        torch.testing.assert_close((losses, coefficients), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", SURROGATES)
@pytest.mark.parametrize("entropy_coef", [0.0, 0.1])
@pytest.mark.parametrize("softcap", [None, 5.0])
def test_rows_of_weight_0_use_nothing(name: str, entropy_coef: float, softcap: float | None) -> None:
    logits, token_ids = sample(300)
    A, weight, *drifts = per_token()
    temperatures = PER_ROW.clone()
    given = [drift - 3 for drift in drifts]
    logits[2], token_ids[2], weight[2] = math.nan, -100, 0.0
    for tensor in (A, temperatures, *given):
        tensor[2] = math.nan
    objective = replace(SURROGATES[name], entropy_coef=entropy_coef, kl=(0.0, 0.0, 0.1), correction=TRUNCATE)
    out = torch.empty_like(logits)
    found = policy_loss_rows(logits, token_ids, A, weight, *given, objective, temperatures, softcap, out=out)
    assert all(t.isfinite().all() for t in (*found, out))
    assert (out[2] == 0).all()
    assert [t[2].item() for t in found] == [0, 0, 0, 0]


@pytest.mark.parametrize("name", SURROGATES)
@pytest.mark.parametrize("token_id", [-1, -100, 300, 310, 1 << 40])
def test_a_token_outside_the_vocabulary_makes_its_row_nan_and_no_other(name: str, token_id: int) -> None:
    logits, token_ids = sample(320)
    token_ids %= 300
    token_ids[1] = token_id
    A, weight, *_ = per_token()
    A[1] = 0.0
    others = torch.arange(6) != 1
    out = torch.empty_like(logits)
    losses, log_probs, entropy, coefficients = policy_loss_rows(
        logits, token_ids, A, weight, None, None, None, SURROGATES[name], ONE, None, out=out, vocabulary=300
    )
    for row in (losses, log_probs, coefficients):
        assert row.isnan().tolist() == [False, True, False, False, False, False]
    assert entropy.isfinite().all()
    assert out[1, :300].isnan().all()
    assert (out[:, 300:] == 0).all()
    assert out[others].isfinite().all()


def test_log_ratios_of_100_have_no_gradient_and_no_infinity() -> None:
    logits, token_ids = sample(127)
    A, weight, *_ = per_token()
    for name, objective in SURROGATES.items():
        for drift in (100.0, -100.0):
            out = torch.empty_like(logits)
            old = torch.full((6,), drift)
            found = policy_loss_rows(logits, token_ids, A, weight, old, None, None, objective, ONE, None, out=out)
            assert all(t.isfinite().all() for t in (*found, out))
            if name not in ("none", "detach", "detach above"):
                assert (out == 0).all()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_sixteen_bit_logits_in_place(dtype: torch.dtype) -> None:
    logits, token_ids = sample(5000)
    logits = logits.to(dtype)
    A, weight, *_ = per_token()
    wide = logits.double().requires_grad_()
    (-A * weight * wide.log_softmax(-1).gather(1, token_ids[:, None])[:, 0]).sum().backward()
    policy_loss_rows(logits, token_ids, A, weight, None, None, None, SURROGATES["none"], ONE, None, out=logits)
    assert (logits.double() - wide.grad).norm() / wide.grad.norm() < torch.finfo(dtype).eps


def test_rows_that_lie_apart() -> None:
    logits, token_ids = sample(5000)
    A, weight, *_ = per_token()
    apart = torch.full((6, 5050), math.nan)
    apart[:, 7:5007] = logits
    rows = apart[:, 7:5007]
    out = torch.empty_like(logits)
    arguments = (token_ids, A, weight, None, None, None, SURROGATES["clip"], PER_ROW, None)
    expected = policy_loss_rows(logits, *arguments, out=out)
    assert all(map(torch.equal, policy_loss_rows(rows, *arguments, out=rows), expected))
    assert torch.equal(rows, out)
    assert apart[:, :7].isnan().all()
    assert apart[:, 5007:].isnan().all()


def test_no_rows() -> None:
    none, ids = torch.zeros(0), torch.zeros(0, dtype=torch.int64)
    logits = torch.zeros(0, 50)
    found = policy_loss_rows(logits, ids, none, none, None, None, None, SURROGATES["clip"], ONE, None, out=logits)
    assert all(t.shape == (0,) for t in found)


def test_bitwise_repeatable() -> None:
    logits, token_ids = sample(5000)
    A, weight, *_ = per_token()
    objective = replace(SURROGATES["soft gate"], entropy_coef=0.1)
    results = []
    for _ in range(2):
        out = torch.empty_like(logits)
        found = policy_loss_rows(logits, token_ids, A, weight, None, None, None, objective, PER_ROW, 30.0, out=out)
        results.append((*found, out))
    assert all(map(torch.equal, *results))
