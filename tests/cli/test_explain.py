import pytest

from pgkern.cli import main


def test_a_pair_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", r"so \boxed{0.5}", "7", r"\frac12"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == ["CORRECT", "  answer: 0.5, read as number 0.5", "  gold: 7, read as number 7"]
    assert main(["explain", "5 6", "5", "--mode", "last_number", "--units", "required"]) == 0
    assert capsys.readouterr().out.startswith("WRONG\n  answer: 6")


def test_what_begins_with_a_minus_sign_follows_two(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--mode", "whole", "--", "-x", "-1*x"]) == 0
    assert capsys.readouterr().out.startswith("CORRECT")
    with pytest.raises(SystemExit):
        main(["explain", "--help"])
    assert "--mode whole -- -x" in capsys.readouterr().out


def test_a_mistake_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "5", "5", "--tolerance", "-1"]) == 2
    assert capsys.readouterr().err.startswith("pgkern: error: tolerance is -1")
    with pytest.raises(SystemExit):
        main(["explain", "5", "5", "--order", "some"])
    assert "as_written" in capsys.readouterr().err
