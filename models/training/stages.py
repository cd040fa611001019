"""What each stage that is kept in the work folder was made from, so that none is ever continued or used with another
recipe, other products, other imported networks or the answers of another tutor.
"""

import hashlib
import json
from pathlib import Path

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
    elif not note.is_file() or json.loads(note.read_text()) != facts:
        raise SystemExit(
            f"{kept} was made with other options, products, files or recipe than those of now, or by another "
            f"version of this training ({note.name} tells which): delete it and what follows from it, or name another folder with --work"
        )
    return facts


def compare_with_shipped(what: str, found: str, shipped: str) -> None:
    """Says so where the shipped model learned from something else than what was found (SHA-256s)."""
    if found != shipped:
        print(f"{what} is not what the shipped model learned from: its figures may not be met", flush=True)


def sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
