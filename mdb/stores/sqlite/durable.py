"""Being sure, after a fault or a crash, of what stands in a file. Plain functions, run in a worker.

A commit writes its frames into the log, then waits for the disk. Where that fails, or a crash comes
first, the frames may be in the log without being on disk: whoever has the file open does not see
them, and whoever opens it anew, when nobody else has it open, takes them for committed.
"""

from __future__ import annotations

from pathlib import Path

import apsw
import trio

from actors import OutcomeUnknown
from mdb.stores.sqlite.connect import APPLICATION_ID


def is_doubtful(error: BaseException) -> bool:
    """Whether a commit that ended so may have left all of its frames in the log.

    Not where one of them could not be written: then the last, which makes them count, is missing.
    """
    if isinstance(error, OutcomeUnknown):
        return getattr(error.__cause__, "extendedresult", 0) != apsw.SQLITE_IOERR_WRITE
    return isinstance(error, trio.Cancelled | trio.TooSlowError)


def has_log(path: Path) -> bool:
    """Whether a file has frames in its log: one that nobody has open was not closed in order."""
    try:
        return path.with_name(path.name + "-wal").stat().st_size > 0
    except FileNotFoundError:
        return False


def seal(db: apsw.Connection) -> None:
    """Commit, durably, without a change.

    Afterwards no frame that is not seen now is ever seen again: this one is in its place. And those
    that are seen are on disk, but for any that the disk refused before: see `rewrite`.
    """
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")  # writes its page all the same


def rewrite(db: apsw.Connection) -> None:
    """Have what stands in the log written into the file, durably, and the log begun anew.

    Where an fsync has failed the system may count as written what is not on disk, so that the next
    one skips it, and the log would end there after a power cut, whatever was added since.
    Raises `apsw.BusyError` as long as somebody reads from the log.
    """
    db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    seal(db)
