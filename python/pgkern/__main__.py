"""`python -m pgkern` and the `pgkern` command."""

from .cli import main

if __name__ == "__main__":
    raise SystemExit(main())
