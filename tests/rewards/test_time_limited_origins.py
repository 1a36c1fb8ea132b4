"""Where a function under a time limit may come from."""

import functools
import importlib.util
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pgkern.rewards import TimeLimited


def defined_here(completion: str, gold: str, extra: float = 0) -> float:
    return float(completion == gold) + extra


def test_functions_of_every_origin(file: str) -> None:
    spec = importlib.util.spec_from_file_location("loaded_by_path", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["loaded_by_path"] = module
    sys.path.insert(0, str(Path(file).parent))
    try:
        spec.loader.exec_module(module)
        for function, expected in (
            (module.score, 1.0),
            (module.Scorer(), 2.5),
            (functools.partial(defined_here, extra=3), 4.0),
            ("pgkern.rewards:text_match", 1.0),
        ):
            with TimeLimited(function) as limited:
                assert limited("a", "a") == expected
    finally:
        sys.path.remove(str(Path(file).parent))
        del sys.modules["loaded_by_path"]


def test_what_no_worker_can_find_is_refused_at_once(tmp_path: Path) -> None:
    def inner(completion: str, gold: str) -> float:
        return 1.0

    (tmp_path / "broken.py").write_text("import no_such_module")
    (tmp_path / "fine.py").write_text("score = 3")
    for function, error, message in (
        (lambda completion, gold: 1.0, ValueError, "cannot be sent to a worker process .*write it as a function at"),
        (inner, ValueError, "cannot be sent to a worker process"),
        (functools.partial(defined_here, extra=threading.Lock()), ValueError, "cannot be sent to a worker process"),
        (3, ValueError, "reward must be a function or 'path/to/file.py:function', got int"),
        ("score", ValueError, "reward is 'score': it must be 'path/to/file.py:function'"),
        ("no/such.py:score", ValueError, "there is no file .*no/such.py"),
        (f"{tmp_path}/broken.py:score", RuntimeError, "ModuleNotFoundError: No module named 'no_such_module'"),
        (f"{tmp_path}/fine.py:scores", RuntimeError, "AttributeError: module .* has no attribute 'scores'"),
        (f"{tmp_path}/fine.py:score", RuntimeError, "score is a int, not a function"),
        ("no_such_module:score", RuntimeError, "No module named 'no_such_module'"),
    ):
        with pytest.raises(error, match=message):
            TimeLimited(function)  # type: ignore[arg-type]


@pytest.mark.parametrize("guarded", [True, False])
def test_a_function_of_the_program_itself(tmp_path: Path, guarded: bool) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "from pgkern.rewards import TimeLimited\n"
        "def score(completion, gold):\n"
        "    return float(completion == gold)\n"
        f"if {'__name__ == ' + repr('__main__') if guarded else 'True'}:\n"
        "    print(TimeLimited(score)('a', 'a'))\n"
    )
    done = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, timeout=30)
    if guarded:
        assert (done.returncode, done.stdout) == (0, "1.0\n"), done.stderr
    else:
        assert done.returncode == 1
        assert 'put what the program does under if __name__ == "__main__"' in done.stderr
