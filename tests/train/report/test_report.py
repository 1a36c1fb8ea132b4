import base64
import hashlib
import json
import math
import re
import time
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from pgkern.train.files.run_folder import RunFolder
from pgkern.train.logs.event_log import EventLog
from pgkern.train.logs.jsonl_log import JsonlLog
from pgkern.train.logs.metrics import MetricsLog
from pgkern.train.report import write_report
from pgkern.train.report.example_rollouts import example_rollouts

VOID = {"meta", "link", "br", "img", "input", "hr"}
HOSTILE = [
    "<script>alert(1)</script>",
    "</script><img src=http://example.com/x onerror=alert(1)>",
    '"><iframe src="//example.com"></iframe>',
    "' onmouseover='alert(1)",
    "</div></td></table></main></body></html><h1>gone",
    "</title></style></pre></details><link rel=stylesheet href=http://example.com>",
    "<!-- a comment that does not end",
    "${config} $name $$ %s {0}",
    "\x00\x08\x1b[31m\u202egnp.exe\u2028\ufeff",
    "&lt;script&gt; &amp;",
    "<svg/onload=alert(1)>",
]


class Page(HTMLParser):
    """The elements, attributes and text of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.texts: list[str] = []
        self.comments: list[str] = []
        self.source = path.read_text("utf-8")
        self.feed(self.source)
        self.close()
        self.text = "\n".join(self.texts)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)


def report_of(folder: RunFolder) -> Page:
    write_report(folder)
    assert folder.reward_figure.read_bytes().startswith(b"\x89PNG")
    page = Page(folder.report)
    assert page.elements.count("script") == 1
    assert not {"iframe", "img", "link", "object", "embed", "base", "form"} & set(page.elements)
    assert not [
        each for each in page.attributes if each[1] in ("src", "href", "srcset", "data", "action", "xlink:href")
    ]
    assert not [each for each in page.attributes if each[1].startswith("on")]
    assert not re.search(r"@import|url\(", page.source.split("</style>")[0])
    (policy,) = [value for _, _, value in page.attributes if value and value.startswith("default-src")]
    for element in ("style", "script"):
        (content,) = re.findall(f"<{element}>(.*?)</{element}>", page.source, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{element}-src 'sha256-{digest}'" in policy
    assert "style" not in [name for _, name, _ in page.attributes]
    assert page.elements.count("h1") == 1
    assert page.comments == []
    return page


def rollout(step: int = 1, **changes: object) -> dict[str, object]:
    row = {"step": step, "prompt": "1+1=", "response": "2", "gold": "2", "answer": "2", "verdict": "correct"}
    return {**row, "reward": 1.0, "advantage": 0.5, "finish_reason": "stop", **changes}


def run_folder(path: Path, rows: list[dict[str, Any]], rollouts: list[dict[str, object]] | None = None) -> RunFolder:
    folder = RunFolder.create(path)
    with MetricsLog(folder.metrics) as metrics:
        metrics.append(rows)
    if rollouts is not None:
        with JsonlLog(folder.rollouts) as log:
            log.append(rollouts)
    return folder


def realistic_rows(warmup: int = 20, steps: int = 60) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = [
        {"step": step, "phase": "warmup", "loss": 2.0 / step, "seconds": 0.5} for step in range(1, warmup + 1)
    ]
    if rows:
        rows[-1]["validation_reward"] = 0.125
    for step in range(1, steps + 1):
        row = {"step": warmup + step, "phase": "policy_gradient", "train_reward": step / steps, "seconds": 2.0}
        row |= {"response_length": 100.0, "entropy": 0.5, "clip_fraction": 0.01, "gradient_norm": 0.75}
        row |= {"approx_kl": 1e-4, "tokens_per_second": 12345.0, "seconds_generate": 1.25, "seconds_train": 0.5}
        if step % 10 == 0:
            row |= {"validation_reward": 0.75 * step / steps}
        rows.append(row)
    return rows


def test_summary_and_curves(tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "addition", realistic_rows(), [rollout()])
    folder.config.write_text('[sampling]\nstop = "<b>"\n')
    folder.versions.write_text('{"python": "3.11.7", "torch": "2.13.0"}')
    page = report_of(folder)
    text = re.sub(r"\s+", " ", page.text)
    assert "addition" in text
    assert "0.125 → 0.750 +0.625" in text  # the end of the warm-up to the last step
    assert "Steps 60 after 20 of warm-up" in text
    assert "Wall time 2 min 10 s" in text  # 20 x 0.5 s + 60 x 2 s
    assert "python 3.11.7 · torch 2.13.0" in text
    assert 'stop = "<b>"' in text
    for title in ["Response length", "Entropy", "Clip fraction", "Gradient norm", "KL divergence", "Speed"]:
        assert title in page.texts or f"{title} " in page.texts
    assert "generate 62%" in text  # 1.25 of 2 s
    assert "train 25%" in text
    assert "other 12%" in text
    assert "Outcomes" not in text  # nothing was logged for it
    assert "Events" not in text
    assert "Progress is read off the rewards." in text
    assert ("meta", "name", "viewport") in page.attributes
    assert "prefers-color-scheme: dark" in page.source


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_text_is_only_text(hostile: str, tmp_path: Path) -> None:
    innocent, hostile_page = (page_with(text, tmp_path / name) for name, text in (("a", "x"), ("b", hostile)))
    assert hostile_page.elements == innocent.elements
    assert {each[:2] for each in hostile_page.attributes} == {each[:2] for each in innocent.attributes}
    visible = "".join(chr(0x2400 + ord(c)) if c < " " else c for c in hostile).replace("\u202e", "⟨U+202E⟩")
    assert hostile_page.text.count(visible) >= 9


def page_with(text: str, path: Path) -> Page:
    """A report with the text wherever text from outside can be."""
    texts: dict[str, object] = dict.fromkeys(("prompt", "response", "gold", "answer", "finish_reason", "reason"), text)
    tokens: dict[str, object] = {"tokens": [text, "b"], "log_probs": [-0.5, None]}
    rows = [{**row, f"reward_{text}": 0.5} for row in realistic_rows()]
    folder = run_folder(path, rows, [rollout(**texts), rollout(2, verdict=text), rollout(3, **tokens)])
    with EventLog(folder.events) as events:
        for event in (text, "diverged"):
            events.log(30, event, text)
    folder.versions.write_text(json.dumps({text: text}))
    return report_of(folder)


def test_hostile_configuration_and_folder_name(tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "<script>&$name", [], [])
    folder.config.write_text("\n".join(HOSTILE))
    assert "<script>&$name" in report_of(folder).text


def test_a_folder_with_nothing_in_it(tmp_path: Path) -> None:
    page = report_of(RunFolder(tmp_path))
    assert "No step has logged a reward yet." in page.text
    assert "No rollouts were logged." in page.text
    assert "There is no config.toml" in page.text


@pytest.mark.parametrize(
    "rows",
    [
        [{"step": 1, "phase": "policy_gradient"}],
        [{"step": 1, "phase": "policy_gradient", "train_reward": None, "entropy": math.nan}],
        [{"step": 1, "phase": "policy_gradient", "validation_reward": 0.0, "entropy": -1e300}],
        [{"step": step, "entropy": 1e308 * (-1) ** step, "approx_kl": 5e-324} for step in range(200)],
        [{"phase": "warmup", "loss": 1.0}, {"step": 2, "phase": None, "loss": "high"}],
        [{"step": step, "train_reward": 0.0, "clip_fraction": 0.0} for step in range(200)],
    ],
)
def test_rows_that_lack_things(rows: list[dict[str, Any]], tmp_path: Path) -> None:
    report_of(run_folder(tmp_path / "run", rows, [{}, {"step": 3}, {"reward": None, "verdict": None}]))


def test_values_that_are_not_finite_are_counted(tmp_path: Path) -> None:
    rows = realistic_rows()
    rows[30]["entropy"] = rows[31]["entropy"] = math.inf
    assert "2 values were not finite." in report_of(run_folder(tmp_path / "run", rows)).texts


def test_long_responses_are_collapsed_and_bounded(tmp_path: Path) -> None:
    page = report_of(run_folder(tmp_path / "run", [], [rollout(response="x" * 1_000_000), rollout(response="\n" * 50)]))
    assert "all 1,000,000 characters" in page.texts
    assert "980,000 characters are left out here" in page.text
    assert page.elements.count("details") == 2
    assert len(page.source) < 100_000


def test_how_a_response_ends_is_shown(tmp_path: Path) -> None:
    page = report_of(run_folder(tmp_path / "run", [], [rollout(response="x" * 1_000_000 + " the very end")]))
    assert page.text.rstrip().count("the very end") == 1


def test_outcomes_are_told_by_colour_and_word(tmp_path: Path) -> None:
    judged = ["correct", "wrong", "no_answer", "unparsed", "over_budget", "bad_gold", "scored"]
    failed = ["raised", "timed_out", "bad_value", "died", "not_started"]
    rows = [rollout(i // 4, verdict=name, reason=f"because {name}") for i, name in enumerate([*judged, *failed])]
    page = report_of(run_folder(tmp_path / "run", [], rows))
    chips = [value for _, name, value in page.attributes if name == "class" and value and value.startswith("chip")]
    assert chips == [f"chip v-{name}" for name in judged] + ["chip v-failed"] * 5
    for name in [*judged, *failed]:
        assert name.replace("_", " ") in page.text
        assert f"because {name}" in page.texts
    for name in ["correct", "wrong", "no_answer", "unparsed", "over_budget", "scored", "failed"]:
        assert f".chip.v-{name}" in page.source


def test_tokens_are_coloured_by_their_log_prob(tmp_path: Path) -> None:
    log_probs = [0.0, -0.5, -2.0, -4.0, -5.0, None]
    row = rollout(response="abcdef", tokens=list("abcdef"), log_probs=log_probs)
    page = report_of(run_folder(tmp_path / "run", [], [row]))
    shown = re.findall(r'<i class=(p\d) title="(-?[\d.]+)">(.)</i>', page.source)
    assert shown == [
        ("p0", "0.000", "a"),
        ("p1", "-0.500", "b"),
        ("p2", "-2.000", "c"),
        ("p3", "-4.000", "d"),
        ("p4", "-5.000", "e"),
    ]
    assert "<i class=gap>f</i>" in page.source
    assert "below 0.01" in page.text


@pytest.mark.parametrize(
    "tokens", [{"tokens": ["a"], "log_probs": []}, {"tokens": "a", "log_probs": [1]}, {"tokens": []}]
)
def test_tokens_that_are_not_there_leave_the_text(tokens: dict[str, object], tmp_path: Path) -> None:
    page = report_of(run_folder(tmp_path / "run", [], [rollout(response="as it was", **tokens)]))
    assert "as it was" in page.texts
    assert "below 0.01" not in page.text


def test_events_are_listed_and_those_that_matter_are_on_every_curve(tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "run", realistic_rows())
    with EventLog(folder.events) as events:
        events.log(40, "diverged", "entropy fell to 0.001")
        events.log(41, "reward_failed", "3 of 64: timed out")
    page = report_of(folder)
    assert "entropy fell to 0.001" in page.texts
    assert "3 of 64: timed out" in page.texts
    classes = [value for element, name, value in page.attributes if element == "path" and name == "class"]
    charts = sum(value == "chart" for _, name, value in page.attributes if name == "class")
    # not on those of time by phase (2), speed has them, warm-up has not
    assert classes.count("mark diverged") == charts - 2 - 1
    assert classes.count("mark reward_failed") == 0


def test_many_events_are_folded_and_counted(tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "run", realistic_rows())
    with EventLog(folder.events) as events:
        events.log(1, "resumed", "the first of all")
        for step in range(1000):
            events.log(step, "reward_failed", f"at step {step}")
    page = report_of(folder)
    assert "200 × reward failed, 1 × resumed; 800 older ones are left out" in page.texts
    assert "the first of all" in page.texts  # it is marked on the curves, so it is told
    assert "at step 999" in page.texts
    assert "at step 799" not in page.texts


def test_outcomes_and_rewards_by_function(tmp_path: Path) -> None:
    rows = realistic_rows()
    for row in rows[20:]:
        row |= {"outcome_correct": 0.5, "outcome_wrong": 0.25, "outcome_timed_out": 0.25}
        row |= {"reward_style": 0.5, "reward_failures": 16.0}
    text = re.sub(r"\s+", " ", report_of(run_folder(tmp_path / "run", rows)).text)
    assert "Outcomes" in text
    assert "timed out" in text
    assert "Rewards that failed 25.00% of rollouts" in text
    assert "Rewards by function mean 0.5" in text  # and no second line


def test_a_page_elsewhere_leaves_the_run_folder_alone(tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "run", realistic_rows())
    before = sorted(folder.path.iterdir())
    write_report(folder, tmp_path / "page.html")
    assert "Mean reward" in (tmp_path / "page.html").read_text()
    assert sorted(folder.path.iterdir()) == before


def test_many_steps_are_drawn_quickly_and_small(tmp_path: Path) -> None:
    rows = realistic_rows(1000, 99_000)
    folder = run_folder(tmp_path / "run", rows, [rollout(step) for step in range(20_000)])
    started = time.process_time()
    page = report_of(folder)
    assert time.process_time() - started < 20
    assert len(page.source) < 700_000


def test_example_rollouts_are_spread_over_the_run(tmp_path: Path) -> None:
    path = tmp_path / "rollouts.jsonl"
    with JsonlLog(path) as log:
        log.append(rollout(step, prompt=str(sample)) for step in range(5, 1000, 5) for sample in range(6))
    rows = example_rollouts(path)
    steps = list(dict.fromkeys(row["step"] for row in rows))
    assert len(steps) == 10
    assert (steps[0], steps[-1]) == (5, 995)
    gaps = [b - a for a, b in pairwise(steps)]
    assert max(gaps) - min(gaps) <= 10
    assert [row["prompt"] for row in rows[:5]] == ["0", "1", "2", "3", "0"]


def test_the_last_rollouts_of_a_rare_verdict_are_shown(tmp_path: Path) -> None:
    path = tmp_path / "rollouts.jsonl"
    rare = {501: "timed_out", 503: "timed_out", 504: "timed_out", 505: "timed_out", 780: "died"}
    with JsonlLog(path) as log:
        log.append(rollout(step, verdict=rare.get(step, "correct")) for step in range(1000))
    rows = example_rollouts(path)
    assert [row["step"] for row in rows if row["verdict"] != "correct"] == [503, 504, 505, 780]
    assert len(rows) == 10 + 4


def test_rollouts_written_in_another_way_are_read_too(tmp_path: Path) -> None:
    path = tmp_path / "rollouts.jsonl"
    path.write_text(
        '{"response":"a","step":1}\n{"step":2.5}\n{"response":"\\"verdict\\": \\"x\\", \\"reward\\": "}\n{"st'
    )
    assert [row.get("step") for row in example_rollouts(path)] == [1, 2.5, None]
    path.write_text('{"step": 1, "response": "a"}\n{"step": 2, "resp\n')
    with pytest.raises(ValueError, match=r"rollouts\.jsonl:2: not a JSON object"):
        example_rollouts(path)


def test_torn_log_is_read_and_damaged_log_refused(tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "run", realistic_rows(0, 3))
    with folder.metrics.open("a") as file:
        file.write('{"step": 4, "train')
    assert "Steps 3" in re.sub(r"\s+", " ", report_of(folder).text)
    with folder.metrics.open("a") as file:
        file.write("\n")
    with pytest.raises(ValueError, match=r"metrics\.jsonl:4: not a JSON object"):
        write_report(folder)


@pytest.mark.parametrize("versions", ["[]", "{"])
def test_damaged_versions_are_refused(versions: str, tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "run", [])
    folder.versions.write_text(versions)
    with pytest.raises(ValueError, match=r"versions\.json: not a JSON object"):
        write_report(folder)
