"""Files of a run as an older version of mgr_jax has written them, without digests."""

import json
from pathlib import Path
from typing import Any


def read_unsealed(path: Path) -> dict[str, Any]:
    """What a file of JSON says, without its digest, to be changed and written back."""
    content = json.loads(path.read_text(encoding="utf-8"))
    content.pop("sha256", None)
    return content
