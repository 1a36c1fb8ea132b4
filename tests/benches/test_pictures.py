import json
from pathlib import Path
from typing import Any

import matplotlib.image
import pytest
from benches import pictures
from benches.__main__ import main
from benches.pictures.ink import subtitle
from benches.record import RESULTS

RECORDS = sorted(RESULTS.glob("cpu-*.json"))


def look(path: Path) -> None:
    image = matplotlib.image.imread(path)
    assert min(image.shape[:2]) > 150
    assert image[:, :, :3].min() < 0.5  # something is drawn


@pytest.mark.parametrize("record", RECORDS, ids=lambda path: path.stem)
def test_a_committed_record_can_be_drawn_again(record: Path, tmp_path: Path) -> None:
    copy = tmp_path / record.name
    copy.write_bytes(record.read_bytes())
    assert main(["draw", str(copy)]) == 0
    drawn = sorted(tmp_path.glob("*.png"))
    assert copy.with_suffix(".png") in drawn
    for picture in drawn:
        look(picture)
    if record.stem == "cpu-linear-policy-loss":
        assert tmp_path / "cpu-linear-policy-loss-time-memory.png" in drawn


def gpu_row(
    provider: str, variation: str, seconds: float, extra_bytes: int | None, tokens: int = 16_384
) -> dict[str, Any]:
    size = {"tokens": tokens, "hidden_size": 4096, "vocabulary": 151_936, "dtype": "bfloat16"}
    label = f"N={tokens:,} D=4,096 V=151,936 bf16 loss and gradients{', with peers' if variation == 'peers' else ''}"
    row = {"case": label, "provider": provider, "device": "cuda", **size, "active": 1.0, "work": "both"}
    row |= {"variation": variation, "seconds": [seconds, seconds, seconds], "products_ratio": [seconds / 0.09] * 3}
    return row if extra_bytes is None else {**row, "extra_bytes": extra_bytes}


def test_a_record_of_a_gpu_is_drawn_without_one(tmp_path: Path) -> None:
    rows = []
    for variation, tokens in (("plain", 16_384), ("peers", 16_384), ("plain", 1024)):
        rows += [
            gpu_row("pgkern", variation, 0.1, 3 << 30, tokens),
            gpu_row("bare products", variation, 0.09, None, tokens),  # and plain torch ran out of memory
        ]
    rows.append(gpu_row("TRL chunked_logprob", "peers", 0.15, 0))
    record = {
        "name": "linear_policy_loss",
        "date": "2026-01-01T00:00:00+00:00",
        "device": {"kind": "cuda", "gpu": "NVIDIA H200", "cpu": "a processor", "cores": 16},
        "versions": {"torch": "2.11.0"},
        "commit": None,
        "dirty": None,
        "code": "0123456789abcdef",
        "rows": rows,
    }
    path = tmp_path / "h200-linear-policy-loss.json"
    path.write_text(json.dumps(record))
    bars, points = pictures.draw(path)
    assert (bars.name, points.name) == ("h200-linear-policy-loss.png", "h200-linear-policy-loss-time-memory.png")
    look(bars)
    look(points)
    assert subtitle(record).endswith("torch 2.11.0, 2026-01-01, code 0123456789abcdef")


def test_without_matplotlib_a_line_says_how_to_draw(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr(pictures, "can_draw", lambda: False)
    pictures.draw_if_possible(Path("somewhere/cpu-packing.json"))
    assert "python -m benches draw somewhere/cpu-packing.json" in capsys.readouterr().out
    monkeypatch.setattr("benches.__main__.can_draw", lambda: False)
    assert main(["draw", "somewhere/cpu-packing.json"]) == 1
    assert "pip install matplotlib" in capsys.readouterr().err
