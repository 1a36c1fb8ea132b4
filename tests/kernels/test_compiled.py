"""Every kernel in every configuration that can be chosen at run time, compiled without a GPU for four architectures.

What is asserted of the machine code: no spilled registers, no shared memory beyond a few bytes for the reductions,
and, where rows are aligned, 16 bytes per load and store. The vocabulary itself may be any number.
"""

import re
import subprocess
from itertools import product
from pathlib import Path
from typing import Any

import pytest

triton = pytest.importorskip("triton")

from triton.backends.compiler import GPUTarget  # noqa: E402  (only where triton is installed)
from triton.compiler import ASTSource  # noqa: E402

from pgkern.kernels import token_objective  # noqa: E402
from pgkern.kernels.launch import BLOCK, NUM_WARPS, row_block  # noqa: E402
from pgkern.kernels.policy_loss_rows import policy_loss_rows_kernel  # noqa: E402
from pgkern.kernels.token_log_probs_backward import token_log_probs_backward_kernel  # noqa: E402
from pgkern.kernels.token_log_probs_forward import token_log_probs_forward_kernel  # noqa: E402
from pgkern.kernels.token_losses import TOKEN_WARPS, TOKENS, token_losses_kernel  # noqa: E402

TARGETS = {
    "sm_80": GPUTarget("cuda", 80, 32),
    "sm_90": GPUTarget("cuda", 90, 32),
    "sm_100": GPUTarget("cuda", 100, 32),
    "gfx942": GPUTarget("hip", "gfx942", 64),
}
KERNELS = [
    token_log_probs_forward_kernel,
    token_log_probs_backward_kernel,
    policy_loss_rows_kernel,
    token_losses_kernel,
]
SURROGATES = [
    token_objective.no_ratio,
    token_objective.plain_ratio,
    token_objective.clipped_ratio,
    token_objective.detached_ratio,
    token_objective.soft_gate,
]
LOGITS = ["fp32", "bf16", "fp16"]
LOGITS_AND_GRADIENT = [("fp32", "fp32"), ("fp32", "bf16"), ("bf16", "bf16"), ("fp16", "fp16")]
FLAGS = [False, True]


def loss(logits: str, gradient: str | None, surrogate: Any, softcap: bool, entropy: bool) -> tuple:
    """Without a gradient its pointer is the logits'."""
    name = f"loss-{logits}-{gradient}-{surrogate.__name__}-{softcap=}-{entropy=}"
    constants = {
        "SURROGATE": surrogate,
        "HAS_SOFTCAP": softcap,
        "HAS_ENTROPY_COEFFICIENT": entropy,
        "WRITE_GRADIENT": gradient is not None,
    }
    return name, policy_loss_rows_kernel, {"logits_ptr": logits, "gradient_ptr": gradient or logits}, constants


# The full product of what can be chosen at run time, 4 * 167 compilations: just under four minutes on one core where
# nothing is cached.
CONFIGURATIONS: list[tuple[str, Any, dict[str, str], dict[str, Any]]] = [
    *(
        (
            f"forward-{logits}-{softcap=}",
            token_log_probs_forward_kernel,
            {"logits_ptr": logits},
            {"HAS_SOFTCAP": softcap},
        )
        for logits, softcap in product(LOGITS, FLAGS)
    ),
    *(
        (
            f"backward-{logits}-{gradient}-{softcap=}-{entropy=}",
            token_log_probs_backward_kernel,
            {"logits_ptr": logits, "gradient_ptr": gradient},
            {"HAS_SOFTCAP": softcap, "HAS_ENTROPY_COEFFICIENT": entropy},
        )
        for (logits, gradient), softcap, entropy in product(LOGITS_AND_GRADIENT, FLAGS, FLAGS)
    ),
    *(
        loss(logits, gradient, *others)
        for (logits, gradient), *others in product(LOGITS_AND_GRADIENT, SURROGATES, FLAGS, FLAGS)
    ),
    *(loss(logits, None, *others) for logits, *others in product(LOGITS, SURROGATES, FLAGS, FLAGS)),
    *((f"tokens-{s.__name__}", token_losses_kernel, {}, {"SURROGATE": s}) for s in SURROGATES),
]
ODD = [
    next(c for c in CONFIGURATIONS if c[0] == name)
    for name in (
        "forward-fp32-softcap=False",
        "backward-fp32-bf16-softcap=True-entropy=True",
        "loss-fp32-fp32-clipped_ratio-softcap=True-entropy=True",
        "loss-fp32-bf16-clipped_ratio-softcap=False-entropy=False",
    )
]


def compiled(
    target: GPUTarget, kernel: Any, pointers: dict[str, str], constants: dict[str, Any], block: int, aligned: bool
) -> Any:
    """As the launcher would have it: `aligned` rows have widths and strides that 16 divides."""
    warps = NUM_WARPS
    if kernel is token_losses_kernel:
        block, warps = TOKENS, TOKEN_WARPS
    constants = {**constants, "BLOCK": block}
    signature, attributes = {}, {}
    for position, parameter in enumerate(kernel.params):
        name = parameter.name
        if name in constants:
            signature[name] = "constexpr"
        elif name.endswith("_ptr"):
            signature[name] = "*" + pointers.get(name, "i64" if name == "token_ids_ptr" else "fp32")
        elif name.endswith(("_stride", "_width")) or name.startswith("has_") or name in ("vocabulary", "tokens"):
            signature[name] = "i32"
        else:
            signature[name] = "fp32"
        divisible = aligned and signature[name] == "i32" and not parameter.do_not_specialize
        if name.endswith("_ptr") or divisible:
            attributes[(position,)] = [["tt.divisibility", 16]]
    source = ASTSource(kernel, signature, constants, attributes)
    return triton.compile(source, target=target, options={"num_warps": warps})


def assert_nothing_is_spilled(binary: Any, target: GPUTarget, folder: Path) -> None:
    if target.backend == "hip":
        spills = re.findall(r"\.(?:sgpr|vgpr)_spill_count: +(\d+)", binary.asm["amdgcn"])
        assert spills, "the assembly does not say how much it spills"
        assert set(spills) == {"0"}
        return
    cuobjdump = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump"
    (folder / "kernel.cubin").write_bytes(binary.asm["cubin"])
    usage = subprocess.run(
        [cuobjdump, "-res-usage", folder / "kernel.cubin"], capture_output=True, text=True, check=True
    ).stdout
    assert re.search(r"REG:\d+ STACK:0 .*LOCAL:0", usage), usage


@pytest.mark.parametrize("configuration", CONFIGURATIONS, ids=lambda c: c[0])
@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_machine_code(target: GPUTarget, configuration: tuple, tmp_path: Path) -> None:
    _, kernel, pointers, constants = configuration
    binary = compiled(target, kernel, pointers, constants, BLOCK, aligned=True)
    assert_nothing_is_spilled(binary, target, tmp_path)
    assert binary.metadata.shared <= 1024
    if pointers.get("gradient_ptr") == pointers.get("logits_ptr"):
        # What makes writing in place correct: the lane that writes a number is the one that has read it.
        assert "convert_layout" not in binary.asm["ttgir"]
    if kernel is policy_loss_rows_kernel and constants["WRITE_GRADIENT"]:
        # The other half of it: no warp begins to write before all have read the token's own logit. (The reductions'
        # barriers come later, when their code is made.)
        assert len(re.findall(r"\bbarrier\b", binary.asm["ttir"])) == 1
    writes_rows = kernel is token_losses_kernel or (
        "gradient_ptr" in pointers and constants.get("WRITE_GRADIENT", True)
    )
    if target.backend == "hip":
        assert re.search(r"(?:global|buffer)_load_dwordx4", binary.asm["amdgcn"])
        assert not writes_rows or re.search(r"(?:global|buffer)_store_dwordx4", binary.asm["amdgcn"])
        return
    ptx = binary.asm["ptx"]
    assert re.search(r"ld\.global\.\S*v4\.b32", ptx)
    assert not re.search(r"(?:ld|st)\.global\.\S*v[24]\.b16|(?:ld|st)\.global\.\S*v2\.b32", ptx), (
        "a row in narrow pieces"
    )
    assert not writes_rows or re.search(r"st\.global\.\S*v4\.b32", ptx)


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
@pytest.mark.parametrize("columns", [2, 127, 50257])
def test_odd_widths(target: GPUTarget, columns: int, tmp_path: Path) -> None:
    """Rows that start anywhere, and blocks of every size down to the smallest."""
    for _, kernel, pointers, constants in ODD:
        binary = compiled(target, kernel, pointers, constants, row_block(columns), aligned=False)
        assert_nothing_is_spilled(binary, target, tmp_path)


@pytest.mark.parametrize("kernel", KERNELS)
def test_no_size_is_a_constant(kernel: Any) -> None:
    """A new batch must not compile a new kernel: only flags, the block and the objective are constants."""
    constants = {parameter.name for parameter in kernel.params if parameter.is_constexpr}
    assert constants <= {"BLOCK", "SURROGATE", "HAS_SOFTCAP", "HAS_ENTROPY_COEFFICIENT", "WRITE_GRADIENT"}
    assert not {"rows", "N", "T"} & set(kernel.arg_names)


@pytest.mark.parametrize("kernel", KERNELS)
def test_no_flag_is_a_constant(kernel: Any) -> None:
    """Triton makes a constant of an integer that happens to be 1, unless it is told not to."""
    flags = {p.name: p.do_not_specialize for p in kernel.params if p.name.startswith("has_")}
    flags |= {p.name: p.do_not_specialize for p in kernel.params if p.name in ("temperature_stride", "vocabulary")}
    assert flags
    assert all(flags.values()), flags
