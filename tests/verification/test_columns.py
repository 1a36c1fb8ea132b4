"""Texts in NumPy arrays and Arrow columns have the verdicts that the same texts in lists have."""

import subprocess
import sys
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgkern import Verdict, verify_many

TEXTS = ["\\boxed{1}", "", "so it is \\boxed{\\frac12}, and that is all", "π ≈ 3 ≠ \\boxed{５}", "\\boxed{7}\0"]
GOLDS = ["1", "2", "0.5", "5", "7"]
WANTED = verify_many(TEXTS, GOLDS).tolist()

fixed = settings(max_examples=100, deadline=None, derandomize=True, database=None)
texts = st.lists(st.text(max_size=30), max_size=12)


def chunked(type_: pa.DataType) -> Any:
    return lambda values: pa.chunked_array([values[:1], [], values[1:3], values[3:]], type=type_)


COLUMNS: dict[str, Any] = {
    "tuple": tuple,
    "generator": iter,
    "numpy objects": lambda values: np.array(values, dtype=object),
    "string": lambda values: pa.array(values, type=pa.string()),
    "large_string": lambda values: pa.array(values, type=pa.large_string()),
    "string_view": lambda values: pa.array(values, type=pa.string_view()),
    "chunked string": chunked(pa.string()),
    "chunked large_string": chunked(pa.large_string()),
    "chunked string_view": chunked(pa.string_view()),
    "dictionary": lambda values: pa.array(values, type=pa.string()).dictionary_encode(),
    "slice": lambda values: pa.array(["7", "\\boxed{2}", *values, None], type=pa.string()).slice(2, len(values)),
}
if hasattr(np.dtypes, "StringDType"):
    COLUMNS["numpy strings"] = lambda values: np.array(values, dtype=np.dtypes.StringDType())


@pytest.mark.parametrize("column", COLUMNS.values(), ids=COLUMNS.keys())
def test_any_column_is_read(column: Any) -> None:
    assert verify_many(column(TEXTS), column(GOLDS)).tolist() == WANTED
    assert verify_many(column(TEXTS), GOLDS).tolist() == WANTED
    assert verify_many(TEXTS, column(GOLDS)).tolist() == WANTED
    assert verify_many(column([]), column([])).tolist() == []


@fixed
@given(values=texts, begin=st.integers(0, 12), name=st.sampled_from([name for name in COLUMNS if name != "generator"]))
def test_a_column_says_what_a_list_says(values: list[str], begin: int, name: str) -> None:
    column = COLUMNS[name](values)[begin:]
    kept = values[begin:]
    assert verify_many(column, kept, mode="whole").tolist() == verify_many(kept, kept, mode="whole").tolist()
    assert verify_many(kept, column, mode="whole").tolist() == verify_many(kept, kept, mode="whole").tolist()


@fixed
@given(values=texts, step=st.sampled_from([1, 2, -1]), order=st.sampled_from("<>"))
def test_code_points_are_read_in_any_order_and_step(values: list[str], step: int, order: str) -> None:
    width = max((len(value) for value in values), default=1) or 1
    array = np.array(values, dtype=f"{order}U{width}")[::step]
    kept = array.tolist()
    assert verify_many(array, array, mode="whole").tolist() == verify_many(kept, kept, mode="whole").tolist()


def test_code_points_that_are_no_characters_do_no_harm() -> None:
    array = np.array([0x35, 0x110000, 0xFFFFFFFF], dtype=np.uint32).view("U3")
    assert verify_many(array, ["5"], mode="whole").tolist() != [Verdict.CORRECT]
    assert verify_many(np.zeros(2, "U0"), ["5", "5"]).tolist() == [Verdict.NO_ANSWER] * 2


@pytest.mark.parametrize("type_", [pa.string(), pa.large_string(), pa.string_view()], ids=str)
def test_a_null_completion_is_no_answer_and_a_null_gold_is_a_bad_one(type_: pa.DataType) -> None:
    completions = pa.array(["\\boxed{5}", None, "\\boxed{5}", None], type=type_)
    golds = pa.array(["5", "5", None, None], type=type_)
    wanted = [Verdict.CORRECT, Verdict.NO_ANSWER, Verdict.BAD_GOLD, Verdict.NO_ANSWER]
    assert verify_many(completions, golds).tolist() == wanted
    assert verify_many(completions[1:], golds[1:]).tolist() == wanted[1:]
    assert verify_many(pa.nulls(2), ["5", "5"]).tolist() == [Verdict.NO_ANSWER] * 2


@pytest.mark.parametrize("type_", [pa.string(), pa.large_string(), pa.string_view()], ids=str)
@pytest.mark.parametrize("list_of", [pa.list_, pa.large_list])
def test_lists_of_golds_are_accepted_golds(type_: pa.DataType, list_of: Any) -> None:
    rows = [["1", "5"], ["6"], None, [None, "5"], [None]]
    golds = pa.array(rows, type=list_of(type_))
    wanted = [Verdict.CORRECT, Verdict.WRONG, Verdict.BAD_GOLD, Verdict.CORRECT, Verdict.BAD_GOLD]
    completions = ["\\boxed{5}"] * 5
    assert verify_many(completions, golds).tolist() == wanted
    assert verify_many(completions[1:], golds[1:]).tolist() == wanted[1:]
    chunks = pa.chunked_array([golds[:2], golds[2:2], golds[2:]])
    assert verify_many(completions, chunks).tolist() == wanted
    assert verify_many(completions[:0], golds[:0]).tolist() == []
    with pytest.raises(ValueError, match=r"golds\[1\] is empty"):
        verify_many(["5", "5"], pa.array([["5"], []], type=list_of(type_)))


def test_a_column_of_something_else_is_named() -> None:
    with pytest.raises(TypeError, match=r"golds is an Arrow array of int64: .*string, large_string or string_view"):
        verify_many(["5"], pa.array([5]))
    with pytest.raises(TypeError, match="completions is an Arrow array of double"):
        verify_many(pa.array([5.0]), ["5"])
    with pytest.raises(TypeError, match="completions must be an Arrow array, not Table"):
        verify_many(pa.table({"a": ["5"]}), ["5"])
    with pytest.raises(TypeError, match=r"golds\[0\] must be str or a sequence of str, not int"):
        verify_many(["5"], np.array([5]))
    with pytest.raises(TypeError, match=r"completions\[1\] must be str, not NoneType"):
        verify_many(np.array(["5", None], dtype=object), ["5", "5"])
    with pytest.raises(ValueError, match="2 completions but 1 golds"):
        verify_many(pa.array(["5", "5"]), pa.array(["5"]))


def test_a_column_that_points_outside_its_buffers_is_refused() -> None:
    ends = pa.py_buffer(np.array([0, 9, 2], dtype=np.int32))  # pyarrow looks at the first and the last only
    broken = pa.Array.from_buffers(pa.string(), 2, [None, ends, pa.py_buffer(b"55")])
    with pytest.raises(ValueError, match="points outside its own buffers"):
        verify_many(broken, ["5", "5"])
    lists = pa.Array.from_buffers(pa.list_(pa.string()), 2, [None, ends], children=[pa.array(["5", "5"])])
    with pytest.raises(ValueError, match=r"points outside its own buffers|golds\[1\] is empty"):
        verify_many(["5", "5"], lists)


def test_bytes_that_are_no_text_are_replaced() -> None:
    ends = pa.py_buffer(np.array([0, 2], dtype=np.int32))
    broken = pa.Array.from_buffers(pa.string(), 1, [None, ends, pa.py_buffer(b"5\xff")])
    assert verify_many(broken, ["5"], mode="whole").tolist() != [Verdict.CORRECT]


def test_pyarrow_is_not_imported() -> None:
    program = "import sys, pgkern; pgkern.verify_many(['5'], ['5']); sys.exit('pyarrow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], timeout=60, check=False).returncode == 0


class Boastful(list[str]):
    """A list that says it is longer than memory."""

    def __len__(self) -> int:
        return sys.maxsize


def test_a_length_is_not_believed() -> None:
    assert verify_many(Boastful(TEXTS), Boastful(GOLDS)).tolist() == WANTED
