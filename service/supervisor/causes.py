"""Why something is not served, as the admin listener tells it: its answers show no folder of the machine."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

# The folders of an absolute path; what follows a host is a URL's.
_FOLDERS = re.compile(r"(?<![\w/:.~-])/(?:[^\s/'\",;:]+/)+")


def told(cause: str, root: Path) -> str:
    """A cause in which files of the registry at `root` stand as they do there, others by name; the log has all."""
    return _FOLDERS.sub("", cause.replace(f"{root}/", "") if root.is_absolute() else cause)


def all_told(document: Any, root: Path) -> Any:
    """The same of every cause in a document."""
    if isinstance(document, dict):
        return {name: all_told(value, root) for name, value in document.items()}
    return told(document, root) if isinstance(document, str) else document
