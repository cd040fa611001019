"""What the scripts beside this one say of each thing that they look at."""

import sys


def check(what: str, holds: bool, how: str = "as it must be") -> None:
    """Ends the script at the first thing that is not as it must be."""
    print(f"{what}: {how if holds else f'NOT {how}'}", flush=True)
    if not holds:
        sys.exit(1)
