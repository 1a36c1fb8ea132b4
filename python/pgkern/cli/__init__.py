"""The `pgkern` command: one file a subcommand. Heavy libraries are imported by the subcommand that needs them."""

import argparse
import os
import select
import signal
import sys
from collections.abc import Sequence

from ..rollout.engine import EngineFailedError
from . import evaluate, explain, info, report, train, verify

_COMMANDS = (train, evaluate, report, verify, explain, info)
_NOBODY_READS = 128 + signal.SIGPIPE


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code. A caller's mistake is one line on standard error and exit code 2.

    Where nobody reads the output any more it ends without a word, as other tools do.
    """
    parser = argparse.ArgumentParser(
        prog="pgkern", description="Policy-gradient training of language models on verifiable rewards."
    )
    parser.add_argument("--traceback", action="store_true", help="show where an error came from")
    subparsers = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in _COMMANDS:
        command.add_parser(subparsers)
    options = parser.parse_args(arguments)
    try:
        code: int = options.run(options)
        sys.stdout.flush()
    except (ValueError, OSError, FloatingPointError, EngineFailedError) as error:
        if isinstance(error, BrokenPipeError) and _nobody_reads():
            return _NOBODY_READS
        if options.traceback:
            raise
        print(f"pgkern: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("pgkern: stopped", file=sys.stderr)
        return train.STOPPED
    except ModuleNotFoundError as error:
        if options.traceback or error.name is None or error.name.startswith("pgkern"):
            raise
        extra = {"pyarrow": "parquet", "peft": "lora", "datasets": "datasets"}.get(error.name, "train")
        print(f"pgkern: error: this needs {error.name}; pip install 'pgkern[{extra}]'", file=sys.stderr)
        return 2
    return code


def _nobody_reads() -> bool:
    """Whether it is standard output that broke, as after `| head`; it leads nowhere then, so that exiting is silent."""
    try:
        out = sys.stdout.fileno()
    except OSError:  # it is no file
        return False
    poll = select.poll()
    poll.register(out, select.POLLOUT)
    if not any(event & select.POLLERR for _, event in poll.poll(0)):
        return False
    os.dup2(os.open(os.devnull, os.O_WRONLY), out)
    return True
