"""What could be cheaper than three whole products, and what it would cost in error.

`python -m benches.linear_exploration` prints it; it is no part of the other benches.
Numbers only, no times: on this scale they do not depend on the machine. Gradients are those of `-mean(A log p)` at 512
tokens, D = 512, V = 32,768, in fp32 from fp32 inputs; errors are relative Frobenius norms against fp64.
Names: N tokens, D hidden size, V vocabulary.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

_N, _D, _V = 512, 512, 32_768
_TILES = ((1, 128), (16, 128), (128, 128), (128, 512))
_NEGLIGIBLE = 2.0**-12  # of the largest coefficient: where Cut Cross-Entropy (arXiv 2411.09009) draws the line


@dataclass(frozen=True)
class Problem:
    """Hidden states, weight, and the gradient of the loss with respect to the logits."""

    name: str
    hidden_ND: Tensor
    weight_VD: Tensor
    logits_NV: Tensor
    grad_logits_NV: Tensor


def _problem(name: str, deviation: float, zipf: float) -> Problem:
    """Logits of that standard deviation; with `zipf`, tokens have frequencies, their rank to the minus `zipf`."""
    random = torch.Generator().manual_seed(0)
    hidden_ND = torch.randn(_N, _D, generator=random)
    hidden_ND[:, 0] = 1.0  # a direction that all tokens share carries the frequencies
    weight_VD = torch.randn(_V, _D, generator=random) * (deviation * _D**-0.5)
    weight_VD[:, 0] = -zipf * torch.arange(1, _V + 1).log()[torch.randperm(_V, generator=random)]
    logits_NV = hidden_ND.double() @ weight_VD.double().t()
    p_NV = logits_NV.softmax(-1)
    coefficients_N = torch.randn(_N, generator=random, dtype=torch.float64) / _N
    grad_NV = -p_NV * coefficients_N[:, None]
    sampled_N = torch.multinomial(p_NV, 1, generator=random)
    grad_NV.scatter_add_(1, sampled_N, coefficients_N[:, None])
    return Problem(name, hidden_ND, weight_VD, logits_NV, grad_NV)


def _error(found: Tensor, exact: Tensor) -> float:
    return float((found.double() - exact).norm() / exact.norm())


def _gradients(problem: Problem, grad_NV: Tensor) -> tuple[Tensor, Tensor]:
    return grad_NV @ problem.weight_VD.to(grad_NV.dtype), grad_NV.t() @ problem.hidden_ND.to(grad_NV.dtype)


def _skipped_tiles(problem: Problem) -> Iterator[tuple[str, str]]:
    exact = _gradients(problem, problem.grad_logits_NV)
    largest_N = problem.grad_logits_NV.abs().amax(1, keepdim=True)
    for order in ("as it is", "by frequency"):
        grad_NV = problem.grad_logits_NV
        if order == "by frequency":
            by_frequency_V = problem.logits_NV.softmax(-1).mean(0).argsort(descending=True)
        else:
            by_frequency_V = torch.arange(_V)
        sorted_NV = (grad_NV.abs() / largest_N)[:, by_frequency_V]
        for rows, columns in _TILES:
            tiles = sorted_NV.view(_N // rows, rows, _V // columns, columns).amax((1, 3))
            kept = tiles >= _NEGLIGIBLE
            keep_NV = kept.repeat_interleave(rows, 0).repeat_interleave(columns, 1)
            kept_NV = torch.zeros_like(grad_NV)
            kept_NV[:, by_frequency_V] = grad_NV[:, by_frequency_V] * keep_NV
            of_hidden, of_weight = (
                _error(found, truth) for found, truth in zip(_gradients(problem, kept_NV), exact, strict=True)
            )
            skipped = 1 - float(kept.double().mean())
            yield (
                f"skip tiles of {rows} x {columns}, vocabulary {order}",
                f"{skipped:6.1%} of dX and dW skipped, errors {of_hidden:.1e} and {of_weight:.1e}",
            )


def _skipped_rows(problem: Problem) -> Iterator[tuple[str, str]]:
    """Rows whose token was almost certain: a row's gradient is at most 2 |c| (1 - p) in the 1-norm."""
    exact = _gradients(problem, problem.grad_logits_NV)
    bounds_N, order_N = problem.grad_logits_NV.abs().sum(1).sort()
    for share in (1e-4, 1e-3, 1e-2):
        dropped = int((bounds_N.cumsum(0) <= share * bounds_N.sum()).sum())
        kept_NV = problem.grad_logits_NV.index_fill(0, order_N[:dropped], 0.0)
        of_hidden, of_weight = (
            _error(found, truth) for found, truth in zip(_gradients(problem, kept_NV), exact, strict=True)
        )
        yield (
            f"skip rows that have {share:g} of all gradient",
            f"{dropped / _N:6.1%} of dX and dW skipped, errors {of_hidden:.1e} and {of_weight:.1e}",
        )


def _narrow_products(problem: Problem) -> Iterator[tuple[str, str]]:
    exact = _gradients(problem, problem.grad_logits_NV)
    log_p_NV = problem.logits_NV.log_softmax(-1)
    likely_NV = log_p_NV > -10
    for name, narrow in (
        ("fp32", lambda t: t),
        ("tf32", _tf32),
        ("bf16", _through(torch.bfloat16)),
        ("fp8 e4m3", _fp8),
    ):
        hidden_ND, weight_VD, grad_NV = (
            narrow(tensor.float()).double() for tensor in (problem.hidden_ND, problem.weight_VD, problem.grad_logits_NV)
        )
        logits_NV = hidden_ND @ weight_VD.t()
        off = (logits_NV.log_softmax(-1) - log_p_NV).abs()[likely_NV].max()
        of_hidden, of_weight = _error(grad_NV @ weight_VD, exact[0]), _error(grad_NV.t() @ hidden_ND, exact[1])
        yield (
            f"operands rounded to {name}",
            f"log-prob off by up to {float(off):.1e}, dX and dW by {of_hidden:.1e} and {of_weight:.1e}",
        )


def _tf32(tensor: Tensor) -> Tensor:
    """10 bits of mantissa, to nearest."""
    return ((tensor.view(torch.int32) + 0x1000) & ~0x1FFF).view(torch.float32)


def _through(dtype: torch.dtype):  # noqa: ANN202
    return lambda tensor: tensor.to(dtype).float()


def _fp8(tensor: Tensor) -> Tensor:
    """One scale per row, as `torch._scaled_mm` takes them."""
    scale = tensor.abs().amax(1, keepdim=True).clamp(min=1e-30) / 448
    return (tensor / scale).to(torch.float8_e4m3fn).float() * scale


def main() -> None:
    """Print it all."""
    for problem in (
        _problem("logits of standard deviation 3", 3, 0.0),
        _problem("the same, and Zipf's frequencies", 3, 1.0),
        _problem("standard deviation 10, and Zipf's frequencies", 10, 1.0),
    ):
        entropy = float(-(problem.logits_NV.log_softmax(-1) * problem.logits_NV.softmax(-1)).sum(-1).mean())
        print(f"{problem.name}: mean entropy {entropy:.2f} nats")
        for rows in (_skipped_tiles(problem), _skipped_rows(problem), _narrow_products(problem)):
            for what, found in rows:
                print(f"  {what:50} {found}")


if __name__ == "__main__":
    main()
