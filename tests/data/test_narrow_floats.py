import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pgkern.data.problem_fields import ProblemFields
from pgkern.data.problem_files import read_problems

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

NUMBERS = [0.1, 3.3, 1e-7, 16777216.0, -2.5]


def problems(path: Path, *columns: str) -> list[Any]:
    return read_problems(path, ProblemFields(columns=columns))


def test_a_gold_in_a_narrow_column_has_the_digits_that_are_written(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    wide = [0.1, 0.10000000149011612]
    for kind, numbers in ((pa.float16(), [0.1, 3.3, -2.5]), (pa.float32(), NUMBERS), (pa.float64(), [*NUMBERS, *wide])):
        answers = pa.array(np.array(numbers, kind.to_pandas_dtype()), kind)
        parquet.write_table(pa.table({"question": ["q"] * len(numbers), "answer": answers}), path)
        assert [problem.gold for problem in problems(path)] == list(map(str, numbers)), kind


def test_numbers_in_lists_objects_and_maps_too(tmp_path: Path) -> None:
    short = pa.float32()
    kinds: dict[str, tuple[Any, Any]] = {
        "list": (pa.list_(short), [0.1, None]),
        "large_list": (pa.large_list(short), [0.1]),
        "fixed_list": (pa.list_(short, 2), [0.1, 3.3]),
        "list_view": (pa.list_view(short), [0.1, 3.3]),
        "lists": (pa.list_(pa.list_(pa.float64())), [[0.1], None]),
        "object": (pa.struct({"a": short, "b": pa.string(), "c": pa.list_(short)}), {"a": 0.1, "b": "x", "c": [3.3]}),
        "objects": (pa.list_(pa.struct({"a": short})), [{"a": 0.1}, None]),
        "map": (pa.map_(pa.string(), short), [("a", 0.1), ("b", None)]),
    }
    table = {name: pa.array([value, None], kind) for name, (kind, value) in kinds.items()}
    tensor = pa.fixed_shape_tensor(short, [2])
    table["tensor"] = pa.ExtensionArray.from_storage(tensor, pa.array([[0.1, 3.3], None], pa.list_(short, 2)))
    path = tmp_path / "rows.parquet"
    parquet.write_table(pa.table({"question": ["a", "b"], "answer": pa.array([[0.1, 3.3], [7]]), **table}), path)
    first, second = problems(path, *table)
    assert first.columns == {name: value for name, (_, value) in kinds.items()} | {"tensor": [0.1, 3.3]}
    assert second.columns == dict.fromkeys(table)


def test_a_folder_that_datasets_saved_has_the_same_numbers(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    short = datasets.Value("float32")
    features = datasets.Features(
        {
            "question": datasets.Value("string"),
            "answer": short,
            "half": datasets.Value("float16"),
            "wide": datasets.Value("float64"),
            "object": {"a": short, "b": [short]},
            "objects": [{"a": short}],
            "array": datasets.Array2D((1, 2), "float32"),
        }
    )
    columns = {
        "half": 0.1,
        "wide": 0.1,
        "object": {"a": 0.1, "b": [3.3]},
        "objects": [{"a": 0.1}],
        "array": [[0.1, 3.3]],
    }
    datasets.Dataset.from_list([{"question": "q", "answer": 3.3, **columns}], features).save_to_disk(tmp_path / "saved")
    [problem] = problems(tmp_path / "saved", *columns)
    assert (problem.gold, problem.columns) == ("3.3", columns)
    assert json.loads(json.dumps(problem.columns)) == columns
