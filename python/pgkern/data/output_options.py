"""The options that an unfinished output was begun with, in a file beside it: a run with others must not continue it."""

import json
from collections.abc import Mapping
from pathlib import Path

from .new_file import new_file

__all__ = ["OutputOptions"]


class OutputOptions:
    """The file `NAME.options.json` beside an output. It is there as long as the output is unfinished."""

    def __init__(self, output: Path, options: Mapping[str, str | float | None]) -> None:
        self.path = options_path(output)
        self._options = dict(options)

    def write(self) -> None:
        """Say what the output is begun with."""
        with new_file(self.path) as temporary:
            temporary.write_text(json.dumps(self._options, indent=2) + "\n", encoding="utf-8")

    def check(self) -> None:
        """Raise `ValueError` that names what differs from how the output was begun, where that is known."""
        try:
            earlier = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:  # the output is finished
            return
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{self.path}: not the options of an output ({error})") from error
        if not isinstance(earlier, dict):
            raise ValueError(f"{self.path}: not the options of an output")
        names = {**earlier, **self._options}
        differing = [name for name in names if earlier.get(name) != self._options.get(name)]
        if differing:
            each = (f"{name} {earlier.get(name)!r} there and {self._options.get(name)!r} now" for name in differing)
            raise ValueError(f"the output to resume was begun with other options ({self.path}): {', '.join(each)}")

    def remove(self) -> None:
        """The output is finished."""
        self.path.unlink(missing_ok=True)


def options_path(output: Path) -> Path:
    """The file beside an output."""
    return output.with_name(f"{output.name}.options.json")
