import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgkern.train.logs.jsonl_log import JsonlLog, read_jsonl


def test_one_row_is_one_line_and_there_at_once(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    with JsonlLog(path) as log:
        log.append([{"step": 1, "text": "a\nb\u2028", "ok": True, "none": None}])
        assert path.read_bytes() == b'{"step": 1, "text": "a\\nb\\u2028", "ok": true, "none": null}\n'
        log.append([{"step": 2}, {"step": 3}])
        log.append([])
    assert [row["step"] for row in read_jsonl(path)] == [1, 2, 3]


def test_each_append_is_a_single_write(tmp_path: Path) -> None:
    """A pipe in packet mode stands in for the file: one read of it returns what one write wrote."""
    path = tmp_path / "log.jsonl"
    read_end, write_end = os.pipe2(os.O_DIRECT)
    try:
        with JsonlLog(path) as log:
            os.dup2(write_end, log._file.fileno())
            log.append({"step": step, "text": "x" * 100} for step in range(20))
        packet = os.read(read_end, 1 << 16)
    finally:
        os.close(read_end)
        os.close(write_end)
    assert [json.loads(line)["step"] for line in packet.splitlines()] == list(range(20))


def test_not_finite_becomes_null(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    row = {"step": 1, "a": math.nan, "b": math.inf, "c": -math.inf, "d": np.float32("nan"), "e": 0.5}
    with JsonlLog(path) as log:
        log.append([row])
    strict = json.loads(path.read_bytes(), parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert strict == {"step": 1, "a": None, "b": None, "c": None, "d": None, "e": 0.5}


def test_numpy_numbers_and_half_surrogates(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    with JsonlLog(path) as log:
        log.append([{"step": np.int64(3), "x": np.float32(0.25), "text": "a\ud800b"}])
    assert list(read_jsonl(path)) == [{"step": 3, "x": 0.25, "text": "a?b"}]


def test_a_value_json_cannot_hold_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    expected = pytest.raises(TypeError, match=r"^rewards\[1\] is of type list, expected a number")
    with JsonlLog(tmp_path / "log.jsonl") as log, expected:
        log.append([{"step": 1}, {"rewards": [1.0, [2.0]]}])
    assert (tmp_path / "log.jsonl").read_bytes() == b""


def test_flat_lists(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    with JsonlLog(path) as log:
        log.append([{"step": 1, "tokens": ["a", "b\ud800"], "log_probs": (-0.5, math.nan, np.float32(-1)), "none": []}])
    assert list(read_jsonl(path)) == [{"step": 1, "tokens": ["a", "b?"], "log_probs": [-0.5, None, -1.0], "none": []}]


def test_reader_skips_a_torn_line_and_writer_removes_it(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(b'{"step": 1}\n{"step": 2, "rew')
    assert list(read_jsonl(path)) == [{"step": 1}]
    with JsonlLog(path) as log:
        log.append([{"step": 2, "reward": 0.5}])
    assert path.read_bytes() == b'{"step": 1}\n{"step": 2, "reward": 0.5}\n'


@pytest.mark.parametrize("resume_after", [None, 1, 7])
def test_every_cut_of_the_last_line_is_repaired(resume_after: int | None, tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    first, last = b'{"step": 1}\n', b'{"step": 2, "text": "\\u00e9 }"}\n'
    for cut in range(len(last)):
        path.write_bytes(first + last[:cut])
        with JsonlLog(path, resume_after) as log:
            log.append([{"step": 2}])
        assert path.read_bytes() == first + b'{"step": 2}\n'


def test_resume_drops_later_steps(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    with JsonlLog(path) as log:
        log.append({"step": step, "sample": sample} for step in range(1, 6) for sample in range(2))
    with JsonlLog(path, resume_after=3) as log:
        log.append([{"step": 4, "sample": 9}])
    assert [(row["step"], row["sample"]) for row in read_jsonl(path)] == [
        (1, 0), (1, 1), (2, 0), (2, 1), (3, 0), (3, 1), (4, 9)
    ]  # fmt: skip


def test_resume_from_the_start_empties_the_log(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    with JsonlLog(path) as log:
        log.append([{"step": 1}])
    JsonlLog(path, resume_after=0).close()
    assert path.read_bytes() == b""


@pytest.mark.parametrize("line", [b"{step: 1}", b"[1]", b"3", b"{\xff}"])
def test_damage_in_the_middle_is_an_error_with_the_line(line: bytes, tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(b'{"step": 1}\n' + line + b'\n{"step": 3}\n')
    with pytest.raises(ValueError, match=r"log\.jsonl:2: not a JSON object"):
        list(read_jsonl(path))


def test_killed_writer_leaves_a_readable_log(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    program = "import sys; from pathlib import Path; from pgkern.train.logs.jsonl_log import JsonlLog\n"
    program += "log = JsonlLog(Path(sys.argv[1]))\nfor i in range(10**9):\n  log.append([{'step': i}])\n  print(i)\n"
    writer = subprocess.Popen([sys.executable, "-uc", program, str(path)], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    while int(writer.stdout.readline()) < 200:
        pass
    writer.kill()
    last = [200, *map(int, writer.communicate()[0].split())][-1]
    assert writer.returncode == -signal.SIGKILL
    steps = [row["step"] for row in read_jsonl(path)]
    assert steps == list(range(len(steps)))
    assert len(steps) >= last + 1  # what was said to be written is there


values = st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False, allow_infinity=False)


@given(rows=st.lists(st.dictionaries(st.text(), values)))
def test_rows_read_back_equal(rows: list[dict[str, object]], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "roundtrip.jsonl"
    path.unlink(missing_ok=True)
    with JsonlLog(path) as log:
        log.append(rows)
    assert list(read_jsonl(path)) == rows
