"""What the scripts beside this one say of each thing that they look at."""

import contextlib
import io
import sys


def check(what: str, holds: bool, how: str = "as it must be") -> None:
    """Ends the script at the first thing that is not as it must be."""
    print(f"{what}: {how if holds else f'NOT {how}'}", flush=True)
    if not holds:
        sys.exit(1)


def told_by(work) -> tuple:
    """What it returns, and what it prints."""
    told = io.StringIO()
    with contextlib.redirect_stdout(told):
        return work(), told.getvalue()
