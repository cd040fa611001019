"""What each stage that is kept in the work folder was made from, so that none is ever continued or used with another
recipe, other products, other imported networks or the answers of another tutor.
"""

import hashlib
import json
from pathlib import Path

# To be raised when a change of the code gives a stage another outcome from the same facts.
FORMAT = 3
# SHA-256s of files that a stage was made from. Notes did not have them from the beginning; one that lacks them is taken
# to be of the same files, for hours of training lie beside it.
FILES = ("imported_files", "tutor_file")


def made_from(kept: Path, facts: dict) -> dict:
    """Writes `facts` beside the stage at `kept` (a file or a folder), or, where there is one already, compares them.
    Returns them, for the next stage's facts.
    """
    note = kept.with_name(kept.name + ".made-from.json")
    facts = json.loads(json.dumps({"format": FORMAT, **facts}))
    if not kept.exists():
        note.write_text(json.dumps(facts, indent=2) + "\n")
    elif not note.is_file() or not agree(json.loads(note.read_text()), facts):
        raise SystemExit(
            f"{kept} was made with other options, products, files or recipe than those of now ({note.name} tells which): "
            "delete it and what follows from it, or name another folder with --work"
        )
    return facts


def agree(noted, facts) -> bool:
    """Whether a note says the same as the facts of now, all the way down; see `FILES` for what it may lack."""
    if not isinstance(noted, dict) or not isinstance(facts, dict):
        return noted == facts
    facts = {name: fact for name, fact in facts.items() if name in noted or name not in FILES}
    return noted.keys() == facts.keys() and all(agree(noted[name], facts[name]) for name in facts)


def sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
