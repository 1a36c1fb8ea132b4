"""The installed package as a whole: what it ships, what importing it costs, what works without torch."""

import ast
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import pgkern

ROOT = Path(__file__).parents[1]


def python(code: str) -> str:
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_importing_the_package_imports_nothing_heavy() -> None:
    loaded = python("import pgkern, sys; print(sorted({name.partition('.')[0] for name in sys.modules}))")
    assert not set(ast.literal_eval(loaded)) & {"torch", "transformers", "vllm", "numpy", "matplotlib", "rich"}


def test_the_verifier_and_the_batcher_work_where_there_is_no_torch() -> None:
    blocked = (
        "import sys; sys.modules.update(dict.fromkeys(['torch', 'triton', 'transformers', 'rich', 'matplotlib']))\n"
    )
    code = (
        "import pgkern; from pgkern.rewards import r1_zero\n"
        r"print(int(pgkern.verify(r'\boxed{\frac12}', '0.5')), r1_zero('</think> <answer>7</answer>', '7').reward,"
        "pgkern.pack_sequences([3, 2, 1], 4), pgkern.collate_packed([[1]], [[2, 3]]).target_ids.tolist())"
    )
    assert python(blocked + code) == "1 1.0 [[0, 2], [1]] [2, 3, 0]"


def test_every_public_name_is_there_and_nothing_else_is_promised() -> None:
    for name in pgkern.__all__:
        assert getattr(pgkern, name) is not None
        assert name in dir(pgkern)
    with pytest.raises(AttributeError, match="module 'pgkern' has no attribute 'no_such_name'"):
        pgkern.no_such_name  # noqa: B018


def test_type_checkers_are_told_of_every_public_name() -> None:
    source = ast.parse((Path(pgkern.__file__)).read_text())
    (block,) = [node for node in source.body if isinstance(node, ast.If)]
    declared = {alias.asname for node in ast.walk(block) if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert declared == set(pgkern.__all__)


def test_the_package_is_typed_and_its_version_is_the_distributions() -> None:
    assert (Path(pgkern.__file__).parent / "py.typed").exists()
    assert pgkern.__version__ == version("pgkern")
    assert f'version = "{pgkern.__version__}"' in (ROOT / "rust" / "Cargo.toml").read_text()


def test_the_changelog_knows_the_version() -> None:
    assert f"## {pgkern.__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_every_link_in_the_documents_leads_somewhere() -> None:
    import re

    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "kernels" / "README.md"]
    for document in documents:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name} points to {target}, which is not there"
