"""Benches: what the library takes in time and memory, beside plain PyTorch, plain Python and peers, in one run.

    python -m benches                     all of them
    python -m benches NAME [--quick] ...  one; `--help` says what it measures
    python -m benches draw FILE ...       the pictures of records again

Every bench writes `results/<device>-<name>.json` and pictures beside it, such as `h200-linear-policy-loss.json`. Goals
are printed as met or not met; a bench fails only when something is wrong, never because it is slow.

The losses need nothing but this library, torch and numpy. Peers that are not installed are named and left out, and
without matplotlib the record says everything, to be drawn elsewhere. A grid can be measured in parts: `--minutes` ends
it after what matters most, options pick cells, and `--add` keeps what the record has from the same code and machine.
"""
