import math
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import pytest

from pgkern.train.report.reward_figure import write_reward_figure

BLUE, ORANGE = (0x25, 0x63, 0xEB), (0xD9, 0x48, 0x0F)


def draw(rows: list[dict[str, Any]], path: Path, title: str = "run") -> np.ndarray:
    write_reward_figure(rows, path, title)
    assert path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    image = matplotlib.image.imread(path)
    assert image.shape == (750, 1350, 4)
    return np.round(image[:, :, :3] * 255).astype(int)


def pixels(image: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    return np.argwhere((abs(image - np.array(colour)) <= 2).all(axis=-1))


def test_curves_are_drawn_where_the_rewards_are(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [{"step": step, "phase": "warmup", "loss": 1.0} for step in range(1, 401)]
    for step in range(401, 501):
        rows.append({"step": step, "phase": "policy_gradient", "train_reward": 0.1, "validation_reward": 0.9})
    image = draw(rows, tmp_path / "reward.png")[150:640]  # below the legend
    train, validation = pixels(image, BLUE), pixels(image, ORANGE)
    assert len(train) > 500
    assert len(validation) > 500
    assert validation[:, 0].max() < train[:, 0].min()  # 0.9 is above 0.1
    assert 300 < train[:, 1].min() < 400  # the end of the warm-up takes the left fifth
    assert len(pixels(image[:, :330], (0xF1, 0xF3, 0xF5))) > 80_000  # and is shaded
    assert len(pixels(image[:, 400:], (0xF1, 0xF3, 0xF5))) == 0


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [{"step": 1, "train_reward": None}],
        [{"step": 1, "train_reward": 0.5}],
        [{"step": 1, "validation_reward": math.nan}, {"step": 2, "validation_reward": 0.5}],
        [{"step": 1, "phase": "warmup"}],
        [{"step": step, "train_reward": -3.0} for step in range(3)],
    ],
)
def test_little_data(rows: list[dict[str, Any]], tmp_path: Path) -> None:
    image = draw(rows, tmp_path / "reward.png")
    assert len(np.unique(image.reshape(-1, 3), axis=0)) > 10


def test_many_steps(tmp_path: Path) -> None:
    rows = [{"step": step, "phase": "policy_gradient", "train_reward": step % 2} for step in range(100_000)]
    draw(rows, tmp_path / "reward.png")


def test_title_is_taken_literally(tmp_path: Path) -> None:
    draw([], tmp_path / "reward.png", title=r"a $\frac{1}{$ b_c")  # mathematics with a mistake in it would raise
