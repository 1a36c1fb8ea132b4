"""Write a seed for each row of tests/cases into a folder for each target under FOLDER; repetitions stay short."""

import hashlib
import re
import sys
from pathlib import Path

CASES = Path(__file__).parents[1] / "tests" / "cases"


def unfolded(cell: str) -> str:
    """Return the text of a cell, with few repetitions and without NUL, which parts gold from answer."""
    short = re.sub(r"«(.*?)×(\d+)»", lambda match: match[1] * min(int(match[2]), 8), cell)
    return short.replace("␤", "\n").replace("␀", "")


def write(folder: Path, text: str) -> None:
    """Keep a seed under the name of its content."""
    folder.mkdir(parents=True, exist_ok=True)
    data = text.encode()
    (folder / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)


def main(folder: Path) -> None:
    """Write the seeds of all targets."""
    for table in sorted(CASES.glob("*.tsv")):
        for line in table.read_text(encoding="utf-8").splitlines():
            if line and not line.startswith("#"):
                gold, answer = map(unfolded, line.split("\t")[:2])
                for target in ("equality", "equivalence"):
                    write(folder / target, f"{gold}\0{answer}")
                for text in (gold, answer):
                    write(folder / "parsing", text)
                    write(folder / "certified", text)
                    write(folder / "extraction", text)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
