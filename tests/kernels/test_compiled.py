"""Every kernel in every configuration that can be chosen at run time, compiled without a GPU for four architectures.

What is asserted of the machine code: no spilled registers, no shared memory beyond a few bytes for the reductions,
and, where rows are aligned, 16 bytes per load and store.
"""

import re
import subprocess
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

TARGETS = {
    "sm_80": GPUTarget("cuda", 80, 32),
    "sm_90": GPUTarget("cuda", 90, 32),
    "sm_100": GPUTarget("cuda", 100, 32),
    "gfx942": GPUTarget("hip", "gfx942", 64),
}
OBJECTIVES = (token_objective.no_ratio, token_objective.plain_ratio, token_objective.clipped_ratio)
CONFIGURATIONS: list[tuple[str, Any, dict[str, str], dict[str, Any]]] = [
    *(
        (f"forward-{logits}", token_log_probs_forward_kernel, {"logits_ptr": logits}, {})
        for logits in ("fp32", "bf16", "fp16")
    ),
    *(
        (
            f"backward-{logits}-{gradient}-{'entropy' if entropy else 'plain'}",
            token_log_probs_backward_kernel,
            {"logits_ptr": logits, "gradient_ptr": gradient},
            {"HAS_ENTROPY_COEFFICIENT": entropy},
        )
        for logits, gradient in (("fp32", "fp32"), ("fp32", "bf16"), ("bf16", "bf16"), ("fp16", "fp16"))
        for entropy in (False, True)
    ),
    *(
        (
            f"loss-{gradient}-{objective.__name__}-{'old' if old else 'new'}",
            policy_loss_rows_kernel,
            {"logits_ptr": "fp32", "gradient_ptr": gradient},
            {"TOKEN_OBJECTIVE": objective, "HAS_OLD_LOG_PROBS": old},
        )
        for gradient in ("fp32", "bf16")
        for objective in OBJECTIVES
        for old in (False, True)
    ),
]


def compiled(
    target: GPUTarget, kernel: Any, pointers: dict[str, str], constants: dict[str, Any], block: int, aligned: bool
) -> Any:
    """As the launcher would have it: `aligned` rows have sizes and strides that 16 divides."""
    constants = {**constants, "BLOCK": block}
    signature, attributes = {}, {}
    for position, name in enumerate(kernel.arg_names):
        if name in constants:
            signature[name] = "constexpr"
        elif name.endswith("_ptr"):
            signature[name] = "*" + pointers.get(name, "i64" if name == "token_ids_ptr" else "fp32")
        elif name.endswith("_stride") or name == "vocabulary":
            signature[name] = "i32"
        else:
            signature[name] = "fp32"
        if name.endswith("_ptr") or (aligned and signature[name] == "i32"):
            attributes[(position,)] = [["tt.divisibility", 16]]
    source = ASTSource(kernel, signature, constants, attributes)
    return triton.compile(source, target=target, options={"num_warps": NUM_WARPS})


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
    if target.backend == "hip":
        assert re.search(r"(?:global|buffer)_load_dwordx4", binary.asm["amdgcn"])
        return
    ptx = binary.asm["ptx"]
    assert re.search(r"ld\.global\.\S*v4\.b32", ptx)
    assert not re.search(r"ld\.global\.\S*v2\.b(?:16|32)|ld\.global\.b16", narrow_row_loads(ptx))
    if "gradient_ptr" in pointers:
        assert re.search(r"st\.global\.\S*v4\.b32", ptx)


def narrow_row_loads(ptx: str) -> str:
    """The loads of rows: all but the token's own logit, which is a single number read outside the loops."""
    vectors = [line for line in ptx.splitlines() if "ld.global" in line and ".v" in line]
    return "\n".join(vectors)


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
@pytest.mark.parametrize("vocabulary", [2, 127, 50257])
def test_odd_vocabularies(target: GPUTarget, vocabulary: int, tmp_path: Path) -> None:
    """Rows that start anywhere, and blocks of every size down to the smallest."""
    for _, kernel, pointers, constants in (CONFIGURATIONS[0], CONFIGURATIONS[4], CONFIGURATIONS[-1]):
        binary = compiled(target, kernel, pointers, constants, row_block(vocabulary), aligned=False)
        assert_nothing_is_spilled(binary, target, tmp_path)


@pytest.mark.parametrize("kernel", [configuration[1] for configuration in CONFIGURATIONS[::8]])
def test_no_size_is_a_constant(kernel: Any) -> None:
    """A new batch must not compile a new kernel: only flags, the block and the objective are constants."""
    constants = {parameter.name for parameter in kernel.params if parameter.is_constexpr}
    assert constants <= {"BLOCK", "TOKEN_OBJECTIVE", "HAS_OLD_LOG_PROBS", "HAS_ENTROPY_COEFFICIENT"}
    assert not {"rows", "tokens", "N", "T"} & set(kernel.arg_names)
