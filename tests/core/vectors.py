"""The reference vectors, measured on a genuine Message DB."""

import json
from pathlib import Path

VECTORS = Path(__file__).parents[1] / "vectors"


def load(name):
    return json.loads((VECTORS / f"{name}.json").read_text(encoding="utf-8"))["vectors"]
