"""`pgkern train`: train a policy, by default a small one from scratch on addition."""

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..train.config import TrainConfig
    from ..train.files.run_folder import RunFolder
    from ..train.loop import Outcome

STOPPED = 130  # what a shell reports of a program ended by Ctrl-C
DIVERGED = 3  # neither done nor a mistake in the call: the policy came to nothing


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser(
        "train",
        help="train a policy by policy gradients on verified rewards",
        description="Train a policy. Without arguments: a small transformer from scratch, on addition.",
    )
    parser.add_argument("config", nargs="?", type=Path, metavar="CONFIG.toml", help="settings; others have defaults")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="overrides",
        help="override a setting, such as optimizer.learning_rate=1e-4 (repeatable)",
    )
    parser.add_argument("--folder", type=Path, help="where the run is kept (the same as --set run.folder=…)")
    parser.add_argument("--resume", action="store_true", help="go on with the run in --folder from its last checkpoint")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Train, then say where things are; the last line is the validation reward before and after."""
    from ..train.config import TrainConfig
    from ..train.config_file import load_config, load_stored_config
    from ..train.files.run_folder import RunFolder

    if options.resume:
        if options.folder is None:
            raise ValueError("--resume goes on with the run in --folder; name that folder")
        RunFolder.refuse_absent(options.folder)
    if options.resume and options.config is None:
        config = load_stored_config(RunFolder(options.folder).config, options.overrides)
    else:
        config = load_config(TrainConfig, options.config, options.overrides)
    folder = RunFolder(options.folder or Path(config.run.folder or _new_folder_name(config)))

    from transformers.utils import logging

    from ..rollout.engine import EngineFailedError
    from ..train.cpu_threads import set_cpu_threads
    from ..train.files.storage_error import StorageError
    from ..train.loop import train

    logging.disable_progress_bar()  # the run has a bar of its own
    set_cpu_threads(config)
    print(f"run folder: {folder.path}", flush=True)
    try:
        return _say(train(config, folder.path, resumed=options.resume), folder)
    except StorageError as error:
        once_it_can = f"; once it can: {_resumption(folder)}" if folder.config.is_file() else ""  # there is a run
        raise StorageError(f"{error}{once_it_can}") from error
    except EngineFailedError as error:
        raise EngineFailedError(f"{error}\nonce it can run: {_resumption(folder)}") from error


def _new_folder_name(config: "TrainConfig") -> str:
    return f"runs/{config.data.task}-{time.strftime('%Y%m%d-%H%M%S')}"


def _say(outcome: "Outcome", folder: "RunFolder") -> int:
    print(f"report: {folder.report}\ncheckpoint: {folder.checkpoint}")
    if outcome.diverged:
        print(f"diverged; try other settings from the checkpoint before that: {_resumption(folder)} --set KEY=VALUE")
        return DIVERGED
    if not outcome.finished:
        print(f"stopped; go on with: {_resumption(folder)}")
        return STOPPED
    assert outcome.reward_before is not None  # measured before the first step
    print(f"validation reward: {outcome.reward_before:.2f} -> {outcome.reward_after:.2f}")
    return 0


def _resumption(folder: "RunFolder") -> str:
    return f"pgkern train --resume --folder {folder.path}"
