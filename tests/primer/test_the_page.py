"""docs/primer.md names a function and a proof for every equation: all of them are there, and every proof is named."""

import ast
import re
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "primer.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
    for line in PAGE.splitlines()
    if line.startswith("|") and "::" in line
]
EQUATIONS = [3, 4, 5, 6, 7, 8, *range(10, 28)]


def _tests_in(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def test_every_equation_has_a_row() -> None:
    said = set()
    for row in ROWS:
        for first, last in re.findall(r"(\d+)(?:–(\d+))?", row[0]) if row[0].startswith("eq.") else []:
            said |= set(range(int(first), int(last or first) + 1))
    assert said == set(EQUATIONS)
    assert {row[0] for row in ROWS} >= {"§6.3", "§6.6", "note"}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]} {row[1]}"[:50])
def test_its_functions_and_its_proofs_are_there(row: list[str]) -> None:
    functions, proofs = (re.findall(r"`([^`]+)`", cell) for cell in row[-2:])
    assert functions
    assert proofs
    for name in functions:
        assert callable(_found(name)), name
    for proof in proofs:
        file, _, test = proof.partition("::")
        assert test in _tests_in(ROOT / file), proof


def test_every_file_of_proofs_is_named() -> None:
    """The page is the index: a file that it does not name is found by nobody."""
    named = set(re.findall(r"tests/primer/(test_\w+)\.py", PAGE))
    there = {path.stem for path in Path(__file__).parent.glob("test_*.py")} - {Path(__file__).stem}
    assert named == there


def _found(dotted: str) -> object:
    """What a dotted name stands for to its user: an attribute where there is one, else a module."""
    path, *rest = dotted.split(".")
    found: object = import_module(path)
    for part in rest:
        path = f"{path}.{part}"
        found = getattr(found, part) if hasattr(found, part) else import_module(path)
    return found
