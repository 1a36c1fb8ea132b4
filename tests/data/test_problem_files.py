import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from pgkern.data.problem_fields import FILE_KINDS, ProblemFields
from pgkern.data.problem_files import read_problems
from pgkern.data.prompts import prompt_format

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
ROWS = [{"question": f"q{index}", "answer": str(index), "numbers": [index, 7]} for index in range(5)]


def write(folder: Path, text: str, name: str = "problems.jsonl") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def lines(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def golds(path: Path, **options: Any) -> list[Any]:
    return [problem.gold for problem in read_problems(path, **options)]


def test_a_worked_answer_gives_gold_and_solution_and_a_bare_one_the_gold(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        '{"question": "How many?", "answer": "3 * 4 = 12\\n#### 1,200"}\n\n{"question": "And now?", "answer": 7}\n',
    )
    worked, bare = read_problems(path)
    assert (worked.question, worked.gold) == ("How many?", "1,200")
    assert worked.solution == " 3 * 4 = 12 </think> <answer> 1,200 </answer>"
    assert (bare.question, bare.gold, bare.solution) == ("And now?", "7", None)
    chat = read_problems(path, prompt=prompt_format("chat"))
    assert chat[0].solution == "3 * 4 = 12\nThe answer is \\boxed{1,200}."


def test_answers_that_are_numbers_and_lists(tmp_path: Path) -> None:
    answers = ("0.10", '["1/2", 0.50, 3]', '[" 5 "]')
    rows = [f'{{"question": "q", "answer": {answer}}}\n' for answer in answers]
    problems = read_problems(write(tmp_path, "".join(rows)))
    assert [problem.gold for problem in problems] == ["0.10", ("1/2", "0.50", "3"), "5"]
    assert problems[1].gold_line == "1/2 or 0.50 or 3"


def test_fields_by_name_and_the_columns_of_a_row(tmp_path: Path) -> None:
    rows = [{"chat": [{"text": "1+1?"}], "target": 2, "how": "1+1=2", "numbers": [1, 1], "more": None}]
    fields = ProblemFields().named(
        question="chat.0.text", answer="target", solution="how", columns=("numbers", "chat.0.text")
    )
    [problem] = read_problems(write(tmp_path, lines(rows)), fields)
    assert (problem.question, problem.gold) == ("1+1?", "2")
    assert problem.solution == " 1+1=2 </think> <answer> 2 </answer>"
    assert problem.columns == {"numbers": [1, 1], "chat.0.text": "1+1?"}


def test_a_row_may_have_no_solution(tmp_path: Path) -> None:
    rows = [{"question": "a", "answer": "1", "how": text} for text in ("so", None, " ", ["one", "two"], [])]
    fields = ProblemFields().named(question=None, answer=None, solution="how", columns=())
    solutions = [problem.solution for problem in read_problems(write(tmp_path, lines(rows)), fields)]
    ending = " </think> <answer> 1 </answer>"
    assert solutions == [" so" + ending, None, None, " one" + ending, None]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"question": "a", "answer": "1"}\n{"question": "b"', r"problems\.jsonl:2: not valid JSON"),
        ("[1]\n", r"problems\.jsonl:1: expected a JSON object, got list"),
        (
            '{"question": "a", "gold": "1"}\n',
            r"problems\.jsonl:1: no field 'answer'; it has 'question', 'gold'",
        ),
        (
            '{"question": "a", "answer": "1"}\n{"question": "a", "gold": "1"}\n',
            r"problems\.jsonl:2: no field 'answer'; it has 'question', 'gold'",
        ),
        ('{"question": "a", "answer": null}\n', r"problems\.jsonl:1: the field 'answer' is NoneType, expected text"),
        ('{"question": "a", "answer": true}\n', r"problems\.jsonl:1: the field 'answer' is bool, expected text"),
        ('{"question": "a", "answer": {"b": 1}}\n', r"problems\.jsonl:1: the field 'answer' is dict, expected text"),
        ('{"question": "a", "answer": []}\n', r"problems\.jsonl:1: the field 'answer' is neither text nor a number"),
        ('{"question": "a", "answer": [1, null]}\n', r"the field 'answer' is neither .*: \[1, None\]"),
        ('{"question": "a", "answer": ["1", " "]}\n', r"the field 'answer' has an empty answer in it: \['1', ' '\]"),
        ('{"question": " ", "answer": "1"}\n', r"problems\.jsonl:1: the field 'question' is empty"),
        ('{"question": "a", "answer": "so ####"}\n', r"problems\.jsonl:1: nothing after '####' in the field 'answer'"),
        (
            '{"question": "a", "answer": "1"}\n{"question": "bad \\ud800 thing", "answer": "1"}\n',
            r"problems\.jsonl:2: the field 'question' holds '\\ud800' \(character 5\), half of a surrogate pair, exp",
        ),
        ('{"question": "a", "answer": "\\udfff"}\n', r"problems\.jsonl:1: the field 'answer' holds '\\udfff' \(char"),
        ('{"question": "a", "answer": [1, "\\ud800"]}\n', r"problems\.jsonl:1: the field 'answer' holds '\\ud800' \("),
        ("\n \n", r"problems\.jsonl: no problems in this file"),
        ("\x00\x01\x02", r"problems\.jsonl:1: not valid JSON"),
    ],
)
def test_a_broken_file_is_refused_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_problems(write(tmp_path, text))


def test_half_a_surrogate_pair_in_a_solution_is_refused_and_in_a_column_kept(tmp_path: Path) -> None:
    fields = ProblemFields().named(question=None, answer=None, solution="how", columns=("hint",))
    row = {"question": "whole: \U0001d7d9", "answer": "1", "how": "so", "hint": "\ud800"}
    [problem] = read_problems(write(tmp_path, lines([row])), fields)
    assert (problem.question, problem.columns) == ("whole: 𝟙", {"hint": "\ud800"})
    for how in ("half: \ud835", ["half: \ud835", "so"]):
        path = write(tmp_path, lines([row, {**row, "how": how}]))
        with pytest.raises(ValueError, match=r"problems\.jsonl:2: the field 'how' holds '\\ud835' \(character 7\)"):
            read_problems(path, fields)


def test_a_gsm8k_row_ends_in_its_answer(tmp_path: Path) -> None:
    path = write(tmp_path, '{"question": "a", "answer": "12"}\n')
    with pytest.raises(ValueError, match=r"problems\.jsonl:1: nothing after '####' in the field 'answer'"):
        read_problems(path, FILE_KINDS["gsm8k"])


def test_every_kind_of_file_holds_the_same_problems(tmp_path: Path) -> None:
    datasets, pyarrow = pytest.importorskip("datasets"), pytest.importorskip("pyarrow")
    from pyarrow import parquet

    fields = ProblemFields(columns=("numbers",))
    expected = read_problems(write(tmp_path, lines(ROWS)), fields)
    assert [problem.columns["numbers"] for problem in expected][:2] == [[0, 7], [1, 7]]

    with gzip.open(tmp_path / "packed.jsonl.gz", "wt") as file:
        file.write(lines(ROWS))
    (tmp_path / "array.json").write_text(json.dumps(ROWS, indent=2))
    (tmp_path / "lines.json").write_text(lines(ROWS))
    rows = pyarrow.Table.from_pylist([{**row, "large": "x" * 1000} for row in ROWS])
    parquet.write_table(rows, tmp_path / "rows.parquet")
    for name in ("packed.jsonl.gz", "array.json", "lines.json", "rows.parquet"):
        assert read_problems(tmp_path / name, fields) == expected, name

    for index in range(2):
        (tmp_path / "parts").mkdir(exist_ok=True)
        part = rows.slice(3 * index, 3)
        parquet.write_table(part, tmp_path / "parts" / f"train-0000{index}-of-00002.parquet")
    parquet.write_table(rows.slice(4, 1), tmp_path / "parts" / "test-00000-of-00001.parquet")
    assert read_problems(tmp_path / "parts", fields) == expected
    assert golds(tmp_path / "parts", split="test") == ["4"]

    data = datasets.Dataset.from_list(ROWS)
    data.save_to_disk(str(tmp_path / "one"))
    assert read_problems(tmp_path / "one", fields) == expected
    both = datasets.DatasetDict({"train": data, "test": data.select([2])})
    both.save_to_disk(str(tmp_path / "both"))
    assert read_problems(tmp_path / "both", fields) == expected
    assert golds(tmp_path / "both", split="test") == ["2"]
    with pytest.raises(ValueError, match=r"both has no split 'validation'; it has 'train', 'test'"):
        read_problems(tmp_path / "both", split="validation")
    with pytest.raises(ValueError, match=r"one:1: no field 'gold'; it has 'question', 'answer', 'numbers'"):
        read_problems(tmp_path / "one", ProblemFields(answer=("gold",)))
    with pytest.raises(ValueError, match=r"rows.parquet:1: no field 'gold'; it has 'question', 'answer', 'numbers', "):
        read_problems(tmp_path / "rows.parquet", ProblemFields(answer=("gold",)))
    next((tmp_path / "one").glob("*.arrow")).write_bytes(b"torn")
    with pytest.raises(ValueError, match=r"one: not a data set that can be read \("):
        read_problems(tmp_path / "one")


def test_math_as_it_is_published(tmp_path: Path) -> None:
    for split, number, subject in (("train", 1, "algebra"), ("train", 2, "geometry"), ("test", 3, "algebra")):
        solution = f"First $\\boxed{{7}}$. So it is $\\boxed{{{number}}}$."
        row = {"problem": f"p{number}", "level": "Level 1", "solution": solution}
        write(tmp_path, json.dumps(row, indent=4), f"MATH/{split}/{subject}/{number}.json")
    problems = read_problems(tmp_path / "MATH", FILE_KINDS["math"])
    assert [(problem.question, problem.gold) for problem in problems] == [("p1", "1"), ("p2", "2")]
    assert problems[0].solution == " First $\\boxed{7}$. So it is $\\boxed{1}$. </think> <answer> 1 </answer>"
    assert golds(tmp_path / "MATH", fields=FILE_KINDS["math"], split="test") == ["3"]
    chat = read_problems(tmp_path / "MATH", FILE_KINDS["math"], prompt=prompt_format("chat"))
    assert chat[0].solution == "First $\\boxed{7}$. So it is $\\boxed{1}$."
    write(tmp_path, '{"problem": "p", "solution": "none"}', "MATH/train/algebra/4.json")
    with pytest.raises(ValueError, match=r"4\.json:1: no answer in a box in the field 'solution'"):
        read_problems(tmp_path / "MATH", FILE_KINDS["math"])
    with pytest.raises(ValueError, match=r"no field 'problem' or 'question'; it has 'a'"):
        read_problems(write(tmp_path, '{"a": 1}'), FILE_KINDS["math"])


NO_SPLITS = ["a.jsonl", "b/c.jsonl", "tested.jsonl", "trains.jsonl"]


def named(folder: Path, *names: str) -> Path:
    """A folder of files with one problem each, whose gold is the file's name."""
    for name in names:
        write(folder, lines([{"question": "q", "answer": name}]), name)
    return folder


@pytest.mark.parametrize(
    ("names", "split", "expected"),
    [
        (["train.jsonl", "test.jsonl", "valid.jsonl", "more.jsonl"], "test", ["test.jsonl"]),
        (["train_a.jsonl", "train-b.jsonl", "test.jsonl"], "train", ["train-b.jsonl", "train_a.jsonl"]),
        (["train.jsonl", "old/train.jsonl"], "train", ["train.jsonl"]),
        (["algebra/train-0.jsonl", "algebra/test-0.jsonl"], "test", ["algebra/test-0.jsonl"]),
        (["data/train/a.jsonl", "data/test/a.jsonl"], "test", ["data/test/a.jsonl"]),
        (["hard.jsonl", "easy.jsonl"], "hard", ["hard.jsonl"]),
        (["Train.jsonl", "TEST/a.jsonl"], "test", ["TEST/a.jsonl"]),
        (NO_SPLITS, "train", NO_SPLITS),
    ],
)
def test_of_a_folder_the_files_of_the_split_are_read(
    tmp_path: Path, names: list[str], split: str, expected: list[str]
) -> None:
    assert golds(named(tmp_path, *names), split=split) == expected


@pytest.mark.parametrize(
    ("names", "split", "there"),
    [
        (["train.jsonl"], "test", "'train'"),
        (["train.jsonl", "val.jsonl"], "validation", "'train', 'val'"),
        (["more.jsonl", "test-00000-of-00001.jsonl"], "train", "'test'"),
        (["algebra/train-0.jsonl", "algebra/dev_0.jsonl"], "hard", "'train', 'dev'"),
        (["MATH/train/1.jsonl", "MATH/test/1.jsonl"], "validation", "'train', 'test'"),
    ],
)
def test_a_split_that_is_not_there_is_refused_with_those_that_are(
    tmp_path: Path, names: list[str], split: str, there: str
) -> None:
    with pytest.raises(ValueError, match=rf"{tmp_path.name} has no split '{split}'; it has {there}$"):
        golds(named(tmp_path, *names), split=split)


def test_what_is_not_there_or_not_one_thing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="none does not exist"):
        read_problems(tmp_path / "none")
    (tmp_path / "folder").mkdir()
    with pytest.raises(ValueError, match=r"folder holds no problems: no \.jsonl, \.json or \.parquet file is in it"):
        read_problems(tmp_path / "folder")
    write(tmp_path, lines(ROWS), "folder/a.jsonl")
    write(tmp_path, json.dumps(ROWS), "folder/b.json")
    with pytest.raises(ValueError, match=r"several kinds, such as .*a\.jsonl and .*b\.json; name one of them"):
        read_problems(tmp_path / "folder")
    for name, content in (("torn.jsonl.gz", gzip.compress(lines(ROWS).encode())[:-20]), ("no.jsonl.gz", b"plain")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=rf"{name}: not a gzip file that can be read"):
            read_problems(tmp_path / name)
    with pytest.raises(ValueError, match=r"x\.json:2: expected a JSON object, got int"):
        read_problems(write(tmp_path, json.dumps([ROWS[0], 1]), "x.json"))


@pytest.mark.skipif(not SHARED.exists(), reason="the shared GSM8K files are not beside this checkout")
def test_gsm8k_reads_whole() -> None:
    problems = read_problems(SHARED / "gsm8k" / "test.jsonl", FILE_KINDS["gsm8k"])
    assert len(problems) == 1319
    assert problems[0].gold == "18"
    assert all(problem.solution is not None and "####" not in problem.solution for problem in problems)
