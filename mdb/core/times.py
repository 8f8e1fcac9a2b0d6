"""Microseconds since 1970-01-01T00:00:00Z, and the contract's texts for them.

All arithmetic is on integers, so every microsecond of the years 1 to 9999 goes there and back.
"""

import re
from datetime import datetime, timedelta

from mdb.core.errors import InvalidRequest

_EPOCH = datetime(1970, 1, 1)  # naive, always UTC
_MICROSECOND = timedelta(microseconds=1)

MIN_TIME = (datetime.min - _EPOCH) // _MICROSECOND
MAX_TIME = (datetime.max - _EPOCH) // _MICROSECOND

_TIME = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:[.,]([0-9]+))?"
    r"(?:[Zz]|([+-])([0-9]{2}):?([0-9]{2})?)"
)


def iso_millis(us: int) -> str:
    """UTC text with exactly three decimals, cut towards the past: `2026-01-15T10:30:00.123Z`.

    Equal to JavaScript's `toISOString()`. OverflowError outside the years 1 to 9999.
    """
    return (_EPOCH + timedelta(microseconds=us)).isoformat(timespec="milliseconds") + "Z"


def iso_micros(us: int) -> str:
    """UTC text with exactly six decimals, as the export holds it; loses nothing."""
    return (_EPOCH + timedelta(microseconds=us)).isoformat(timespec="microseconds") + "Z"


def parse_time(text: str, path: str = "$") -> int:
    """Microseconds since the epoch of an ISO 8601 date and time with `Z` or an offset.

    Seconds are needed, decimals are not; those after the sixth are cut. Raises InvalidRequest
    for other forms, for days and hours that do not exist, leap seconds among them, and for
    moments outside the years 1 to 9999 in UTC.
    """
    match = _TIME.fullmatch(text)
    if match is None:
        raise InvalidRequest(
            f"{path}: not an ISO 8601 time with Z or an offset, as 2026-01-15T10:30:00.123Z",
            path=path,
        )
    year, month, day, hour, minute, second, decimals, sign, off_hours, off_minutes = match.groups()
    try:
        moment = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second))
    except ValueError as exc:
        raise InvalidRequest(f"{path}: no such time ({exc})", path=path) from exc
    us = (moment - _EPOCH) // _MICROSECOND
    if decimals:
        us += int(decimals[:6].ljust(6, "0"))
    if sign:
        hours, minutes = int(off_hours), int(off_minutes or 0)
        if hours > 23 or minutes > 59:
            raise InvalidRequest(f"{path}: no such offset from UTC", path=path)
        offset = (hours * 60 + minutes) * 60_000_000
        us = us - offset if sign == "+" else us + offset
    if not MIN_TIME <= us <= MAX_TIME:
        raise InvalidRequest(f"{path}: outside the years 1 to 9999 in UTC", path=path)
    return us
