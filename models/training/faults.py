"""What a person has to mend before the training can go on: one line for each, no stack trace."""

import tempfile
from pathlib import Path


class Fault(Exception):
    """Its text names what is wrong, with which file or value, and what to do."""


def writable(folder: Path, option: str) -> Path:
    """The folder, made where it is not there; a file can be put into it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise Fault(
            f"{option} {folder}: nothing can be written there ({error.strerror}); name another folder"
        ) from None
    return folder
