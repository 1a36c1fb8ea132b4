"""The reports in a real browser: everything is drawn, in both themes, and nothing is asked of anybody."""

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from pgkern.train.files.run_folder import RunFolder
from pgkern.train.logs.event_log import EventLog
from pgkern.train.logs.metrics import MetricsLog
from pgkern.train.logs.rollout_log import RolloutLog, RolloutRow
from pgkern.train.report import write_comparison, write_report

from .chromium import EXECUTABLE, Browser

pytestmark = pytest.mark.skipif(EXECUTABLE is None, reason="there is no chromium on the PATH")

HOSTILE = '</i></td></table><script>document.title="gone"</script><img src=http://example.com/x onerror=alert(1)>\u202e'


class Proxy:
    """Whatever the browser wants from the network it wants from here, and gets nothing but a closed door."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._server.getsockname()[1]}"
        self._asked_for: list[str] = []
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def asked_for(self) -> list[str]:
        """The first lines of all requests, but for the browser's own calls home."""
        return [line for line in self._asked_for if not CALLS_HOME.match(line)]

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join()

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:  # closed
                return
            with connection:
                connection.settimeout(5)
                with suppress(OSError):
                    self._asked_for.append(connection.recv(4096).split(b"\r\n")[0].decode("latin-1"))


# The browser asks its maker for the time and for updates, whatever page it shows and whatever flags it is given.
CALLS_HOME = re.compile(r"$|\w+ (https?://)?[\w.-]+\.(google|googleapis|gvt1)\.com[:/]")


@pytest.fixture(scope="module")
def proxy() -> Iterator[Proxy]:
    proxy = Proxy()
    yield proxy
    proxy.close()


@pytest.fixture(scope="module")
def browser(proxy: Proxy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    browser = Browser(tmp_path_factory.mktemp("profile"), proxy.address)
    yield browser
    browser.close()


@pytest.fixture
def nothing_leaves_the_machine(browser: Browser, proxy: Proxy) -> Iterator[None]:
    yield
    assert len(browser.requests) == 1
    assert browser.requests[0].startswith("file:///")
    assert browser.problems == []
    assert proxy.asked_for() == []


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return make_run(tmp_path_factory.mktemp("runs") / "addition", 0.9)


def make_run(path: Path, last: float) -> RunFolder:
    folder = RunFolder.create(path)
    folder.config.write_text(f"last = {last}\n")
    with MetricsLog(folder.metrics) as metrics, RolloutLog(folder.rollouts) as rollouts:
        metrics.log(0, "warmup", {"validation_reward": 0.1})
        for step in range(1, 101):
            row = {
                "train_reward": last * step / 100,
                "entropy": 1.0 / step,
                "gradient_norm": 1e6 if step == 50 else 0.5,
            }
            row |= {"seconds": 3.0, "seconds_generate": 2.0, "seconds_train": 0.75, "outcome_correct": step / 100}
            row |= {"outcome_wrong": 1 - step / 100}
            if step % 10 == 0:
                row["validation_reward"] = last * step / 125
            metrics.log(step, "policy_gradient", row)
            verdict = "correct" if step % 2 else "wrong"
            example = RolloutRow(
                "1+1=", HOSTILE, "2", None, verdict, 1.0, 0.5, "stop", "why", ["a", HOSTILE], [-0.01, -9.0]
            )
            rollouts.log(step, [example] * 4)
    with EventLog(folder.events) as events:
        events.log(50, "diverged", HOSTILE)
    write_report(folder)
    return folder


def boxes(browser: Browser, selector: str) -> list[dict[str, Any]]:
    """Where the elements are after layout, those that take no room left out."""
    found: list[dict[str, Any]] = browser.evaluate(
        f"[...document.querySelectorAll({selector!r})].map((e) => {{ const r = e.getBoundingClientRect();"
        "return {left: r.left, right: r.right, top: r.top + scrollY, width: r.width, height: r.height,"
        "text: e.textContent.trim(), stroke: getComputedStyle(e).stroke, fill: getComputedStyle(e).fill,"
        "background: getComputedStyle(e).backgroundColor}; }).filter((r) => r.width || r.height)"
    )
    return found


@pytest.mark.usefixtures("nothing_leaves_the_machine")
@pytest.mark.parametrize("width", [1200, 390])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_curves_and_rollouts_are_drawn(
    browser: Browser, run: RunFolder, theme: str, width: int, tmp_path: Path
) -> None:
    browser.open(run.report, theme=theme, width=width)
    charts = boxes(browser, "svg.chart")
    assert len(charts) == 5  # reward, time, outcomes, entropy, gradient norm
    assert all(chart["width"] > 250 and chart["height"] > 120 for chart in charts)
    assert all(chart["left"] >= 0 and chart["right"] <= width for chart in charts)
    lines = boxes(browser, ".line")
    assert len(lines) == 4  # train, validation, entropy, gradient norm
    assert len({line["stroke"] for line in lines}) == 2
    assert all(line["width"] > 150 and line["height"] > 20 for line in lines)
    areas = boxes(browser, "svg.chart .area")
    assert len(areas) == 3 + 2  # generate, train, other; correct, wrong
    assert len({area["fill"] for area in areas}) >= 4
    assert len(boxes(browser, ".mark.diverged")) == 4  # all but time and warm-up
    rows = boxes(browser, "#rollouts tbody tr")
    assert len(rows) == 40
    assert all(row["height"] > 40 and row["left"] >= 0 and row["right"] <= width for row in rows)
    assert all(above["top"] + above["height"] <= below["top"] + 1 for above, below in pairwise(rows))
    likely, unlikely = boxes(browser, "#rollouts i.p0")[0], boxes(browser, "#rollouts i.p4")[0]
    assert likely["background"] != unlikely["background"]
    assert unlikely["text"] == HOSTILE.replace("\u202e", "⟨U+202E⟩")
    assert browser.evaluate("document.title") == "addition · pgkern"
    assert browser.evaluate("document.documentElement.scrollWidth") <= width  # nothing sticks out
    background = browser.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == {"light": "rgb(246, 247, 249)", "dark": "rgb(15, 19, 24)"}[theme]
    browser.screenshot(tmp_path / "page.png")
    assert (tmp_path / "page.png").stat().st_size > 50_000


@pytest.mark.usefixtures("nothing_leaves_the_machine")
def test_values_are_told_under_the_pointer(browser: Browser, run: RunFolder) -> None:
    browser.open(run.report)
    reward, time = boxes(browser, "svg.chart")[:2]
    assert boxes(browser, ".readout") == []
    browser.move_pointer((reward["left"] + reward["right"]) / 2 + 17, reward["top"] + reward["height"] / 2)
    (readout,) = boxes(browser, ".readout")  # the middle of the frame, which is 46 from the left and 12 from the right
    # the train reward is the mean of two steps, 0.450 and 0.459
    assert readout["text"] == "step 50train (sampled) 0.455validation 0.36"
    browser.evaluate("window.scrollTo(0, 400)")
    browser.move_pointer(time["left"] + 60, time["top"] - 400 + 100)
    (readout,) = boxes(browser, ".readout")
    assert "other 0.25train 0.75generate 2" in readout["text"]
    browser.evaluate("window.scrollTo(0, 0)")
    browser.move_pointer(1, 1)
    assert boxes(browser, ".readout") == []


@pytest.mark.usefixtures("nothing_leaves_the_machine")
def test_rollouts_are_filtered(browser: Browser, run: RunFolder) -> None:
    browser.open(run.report)
    choose = (
        (
            "(name, value) => {{ const choice = document.querySelector(`.filter select[name=${{name}}]`);"
            "choice.value = value; choice.dispatchEvent(new Event('change')); }}"
        )
        .replace("{{", "{")
        .replace("}}", "}")
    )
    assert len(boxes(browser, "#rollouts tbody tr")) == 40
    browser.evaluate(f"({choose})('outcome', '=wrong')")
    shown = len(boxes(browser, "#rollouts tbody tr"))
    assert 0 < shown < 40
    assert boxes(browser, ".filter > span")[0]["text"] == f"{shown} of 40 rollouts"
    browser.evaluate(f"({choose})('step', '=100')")
    assert len(boxes(browser, "#rollouts tbody tr")) == 4


@pytest.mark.usefixtures("nothing_leaves_the_machine")
def test_everything_can_be_read_without_scripts(browser: Browser, run: RunFolder) -> None:
    browser.open(run.report, scripts=False)
    assert len(boxes(browser, "svg.chart")) == 5
    assert len(boxes(browser, "#rollouts tbody tr")) == 40
    assert boxes(browser, ".filter") == []  # a control that does nothing is not shown


@pytest.mark.usefixtures("nothing_leaves_the_machine")
def test_several_runs(browser: Browser, run: RunFolder, tmp_path: Path) -> None:
    others = [make_run(tmp_path / name, last) for name, last in (("none", 0.4), ("leave one out", 0.8))]
    write_comparison([run, *others], tmp_path / "page.html")
    browser.open(tmp_path / "page.html", theme="dark")
    assert [row["text"] for row in boxes(browser, "table.runs .named")] == ["addition", "none", "leave one out"]
    lines = boxes(browser, ".line")
    assert len(lines) == 4 * 3  # validation, train, entropy, gradient norm
    assert len({line["stroke"] for line in lines}) == 3
    names = boxes(browser, "text.name")
    assert len(names) == 2 * 3
    assert all(name["right"] < 1200 for name in names)
    assert len(boxes(browser, "svg.shares")) == 3


def test_a_request_would_have_been_seen(browser: Browser, proxy: Proxy, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("<img src=http://pgkern.invalid/seen>")
    browser.open(page)
    assert "http://pgkern.invalid/seen" in browser.requests
    assert any("pgkern.invalid" in line for line in proxy.asked_for())
    assert browser.problems
