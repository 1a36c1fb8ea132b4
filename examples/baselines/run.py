"""Baselines compared, on-policy and off-policy, clipped and not: `python examples/baselines/run.py`.

Every variant (variants.py) trains from the same warmed-up policy of its seed, on the same problems (task.toml). A run
is `pgkern train`, a process of its own; finished ones are not run again, so a stopped experiment goes on where it was.
At the end results.json, the picture and the table of docs/baselines.md are written anew.
"""

import argparse
import json
import sys
from pathlib import Path

from page import write_page
from pictures import write_pictures
from results import read_results, write_results
from runs import Experiment
from variants import VARIANTS

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]


def main() -> int:
    """Warm up, train what is not there yet, and tell what came of it."""
    options = _options()
    variants = [variant for variant in VARIANTS if variant.name in options.variants]
    experiment = Experiment(options.folder, HERE / "task.toml", tuple(options.set))
    if not options.only_write:
        experiment.run(options.seeds, variants, processes=options.processes)
        if options.noise_batches:
            from gradient_noise import gradient_noise  # with torch, which nothing else here needs

            noise = gradient_noise(experiment, variants, options.seeds[0], batches=options.noise_batches)
            experiment.noise_file.write_text(json.dumps(noise) + "\n")
    results = read_results(experiment, variants, options.seeds)
    folder = options.results or (HERE if not options.set else options.folder)
    write_results(folder / "results.json", results)
    pictures = write_pictures(folder, results)
    print(*(f"written: {path}" for path in (folder / "results.json", *pictures)), sep="\n")
    if folder == HERE:
        print(f"written: {write_page(REPOSITORY / 'docs' / 'baselines.md', results)}")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [variant.name for variant in VARIANTS]
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--variants", nargs="+", choices=names, default=names)
    parser.add_argument("--processes", type=int, default=2, help="runs at a time, each with one thread (default: 2)")
    parser.add_argument("--folder", type=Path, default=Path("runs/baselines"), help="of the runs")
    parser.add_argument("--results", type=Path, help="where results.json goes (default: beside this file)")
    parser.add_argument("--only-write", action="store_true", help="no training: results and pictures of what is there")
    parser.add_argument(
        "--noise-batches", type=int, default=24, help="of the gradients' variance, from the first seed; 0: not measured"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="for every run; results then go into the folder"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
