from pathlib import Path

import pytest

from pgkern.data.jsonl_problems import read_problems

GSM8K = Path(__file__).parents[2].parent / "shared" / "data" / "gsm8k" / "test.jsonl"


def write(folder: Path, text: str) -> Path:
    path = folder / "problems.jsonl"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_worked_answer_gives_gold_and_solution_and_a_bare_one_the_gold(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        '{"question": "How many?", "answer": "3 * 4 = 12\\n#### 1,200"}\n\n{"question": "And now?", "answer": 7}\n',
    )
    worked, bare = read_problems(path)
    assert (worked.question, worked.gold) == ("How many?", "1,200")
    assert worked.solution == " 3 * 4 = 12 </think> <answer> 1,200 </answer>"
    assert (bare.question, bare.gold, bare.solution) == ("And now?", "7", None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"question": "a", "answer": "1"}\n{"question": "b"', r"problems\.jsonl:2: not valid JSON"),
        ("[1]\n", r"problems\.jsonl:1: expected a JSON object, got list"),
        (
            '{"question": "a", "gold": "1"}\n',
            r"problems\.jsonl:1: no field 'answer'; it has 'question', 'gold'",
        ),
        ('{"question": "a", "answer": null}\n', r"problems\.jsonl:1: the field 'answer' is NoneType, expected text"),
        ('{"question": " ", "answer": "1"}\n', r"problems\.jsonl:1: the field 'question' is empty"),
        ('{"question": "a", "answer": "so ####"}\n', r"problems\.jsonl:1: nothing after '####' in the field 'answer'"),
        ("\n \n", r"problems\.jsonl: no problems in this file"),
    ],
)
def test_a_broken_file_is_refused_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_problems(write(tmp_path, text))


@pytest.mark.skipif(not GSM8K.exists(), reason="the shared GSM8K files are not beside this checkout")
def test_gsm8k_reads_whole() -> None:
    problems = read_problems(GSM8K)
    assert len(problems) == 1319
    assert problems[0].gold == "18"
    assert all(problem.solution is not None and "####" not in problem.solution for problem in problems)
