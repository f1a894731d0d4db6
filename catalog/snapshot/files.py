"""Small files that appear whole, synced and read-only, or not at all."""

from __future__ import annotations

import os
from pathlib import Path


def put_file(path: Path, data: bytes, temporary: Path) -> None:
    """Write `data` to `temporary`, a file in the same directory, and give it the name `path`. Raises OSError."""
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o444)
        temporary.rename(path)
    finally:
        temporary.unlink(missing_ok=True)
