"""What each stage that is kept in the work folder was made from, so that none is ever continued or used with another
recipe, other products, other imported networks or the answers of another tutor.
"""

import hashlib
import json
import pickle
import zipfile
from pathlib import Path

import torch

from .faults import Fault
from .machine import DEVICE

# To be raised when a change of the code gives a stage another outcome from the same facts.
FORMAT = 5


def made_from(kept: Path, facts: dict) -> dict:
    """Writes `facts` beside the stage at `kept` (a file or a folder), or, where there is one already, compares them.
    Returns them, for the next stage's facts.
    """
    note = kept.with_name(kept.name + ".made-from.json")
    facts = json.loads(json.dumps({"format": FORMAT, **facts}))
    if not kept.exists():
        note.write_text(json.dumps(facts, indent=2) + "\n")
        return facts
    try:
        apart = difference(json.loads(note.read_text()), facts)
    except (OSError, ValueError):
        apart = f"what, cannot be told: {note.name} is missing or damaged"
    if apart:
        raise Fault(
            f"{kept} was made with other options, products, files or recipe than those of now, or by another version of "
            f"this training ({apart}): delete it and what follows from it, or name another folder with --work"
        )
    return facts


def difference(then, now, name: str = "") -> str:
    """The first fact that differs, with both its values; nothing where none does."""
    if isinstance(then, dict) and isinstance(now, dict):
        for key in {**then, **now}:
            found = difference(then.get(key), now.get(key), f"{name}.{key}".lstrip("."))
            if found:
                return found
        return ""
    return "" if then == now else f"{name}: {json.dumps(then)} then, {json.dumps(now)} now"


def loaded(kept: Path, read):
    """What `read` (`np.load`, or `read_states`) makes of what an earlier run left at `kept`."""
    try:
        return read(kept)
    except torch.OutOfMemoryError:
        raise
    except OSError as error:
        raise Fault(f"{kept} cannot be read: {error.strerror or error}") from None
    except (EOFError, RuntimeError, ValueError, pickle.UnpicklingError, zipfile.BadZipFile) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise Fault(
            f"{kept} is damaged ({reason}): delete it and what was made from it, and that is made anew (of views: the "
            "whole folder)"
        ) from None


def read_states(kept: Path) -> list:
    """What `torch.save` left there."""
    return torch.load(kept, map_location=DEVICE, weights_only=True)


def compare_with_shipped(what: str, found: str, shipped: str) -> None:
    """Says so where the shipped model learned from something else than what was found (SHA-256s)."""
    if found != shipped:
        print(f"{what} is not what the shipped model learned from: its figures may not be met", flush=True)


def sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
