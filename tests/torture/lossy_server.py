"""`python -m tests.torture.lossy_server SEED ARGS...`: `mdb ARGS`, hard of hearing.

Every other notification of writes is lost, as `SEED` has it. `TAKE_OUT` names a part of the program
that is left out; see `taken_out`.
"""

from __future__ import annotations

import os
import random
import sys

import pytest

from mdb.cli import main
from mdb.stores.postgres.news import News
from mdb.stores.postgres.sql import REGISTRY_SCHEMA
from tests.torture.taken_out import PARTS


def mishear(patch: pytest.MonkeyPatch, seed: int) -> None:
    chance, hear = random.Random(seed), News.hear

    def sometimes(news: News, schema: str) -> None:
        if schema == REGISTRY_SCHEMA or chance.random() < 0.5:
            hear(news, schema)

    patch.setattr(News, "hear", sometimes)


if __name__ == "__main__":
    seed = int(sys.argv.pop(1))
    taken_out = os.environ.get("TAKE_OUT")
    with pytest.MonkeyPatch.context() as patch:
        mishear(patch, seed)
        if taken_out:
            PARTS[taken_out](patch)
        main()
