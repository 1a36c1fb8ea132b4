"""The kernels live outside the package and are linked into it: every file must arrive, and import nothing upwards."""

import ast
import sys
from pathlib import Path

import pytest

import pgkern

SOURCE = Path(__file__).parents[2] / "kernels" / "pgkern_kernels"
INSTALLED = Path(pgkern.__file__).parent / "kernels"


def modules(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*.py")}


def test_every_kernel_module_is_installed() -> None:
    assert modules(INSTALLED) == modules(SOURCE)


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda path: path.stem)
def test_kernels_import_torch_triton_the_standard_library_and_each_other(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            assert node.level == 1, f"{path.name} imports from above its package"
            continue
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        for name in names:
            assert name.split(".")[0] in {"torch", "triton", *sys.stdlib_module_names}, f"{path.name} imports {name}"
