"""Benches: what the library takes in time and memory, beside plain PyTorch, plain Python and peers, in one run.

    python -m benches                     all of them
    python -m benches NAME [--quick] ...  one; `--help` says what it measures

Every bench writes `results/<device>-<name>.json` and a picture beside it. Goals are printed as met or not met; a bench
fails only when something is wrong, never because it is slow.
"""
