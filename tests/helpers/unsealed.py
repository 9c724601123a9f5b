"""Files of runs and datasets as an older version of mgr_jax has written them, without digests."""

import json
from pathlib import Path
from typing import Any


def read_unsealed(path: Path) -> dict[str, Any]:
    """What a file of JSON says, without its digest, to be changed and written back."""
    content = json.loads(path.read_text(encoding="utf-8"))
    content.pop("sha256", None)
    return content


def unseal_dataset(folder: Path) -> None:
    """Makes a prepared dataset one of version 0.1.0, by what this had not."""
    for path in folder.rglob("*"):
        if path.name in ("sums.json", "blocks.npz", "origin.json", "sources.json", "notes.json"):
            path.unlink()
    protocol = folder / "protocol.json"
    protocol.write_text(json.dumps(read_unsealed(protocol), indent=2) + "\n", encoding="utf-8")
