"""How much of something there may be in a second."""

from __future__ import annotations

import trio


class Allowance:
    """So many a second, counted in whole seconds of trio's clock."""

    def __init__(self, per_second: int) -> None:
        """Nothing is spent yet."""
        self._per_second = per_second
        self._second = 0
        self._spent = 0

    def left(self) -> bool:
        """Tell whether there is any left in this second."""
        second = int(trio.current_time())
        if second != self._second:
            self._second, self._spent = second, 0
        return self._spent < self._per_second

    def spend(self) -> None:
        """Take one of this second's."""
        self._spent += 1
