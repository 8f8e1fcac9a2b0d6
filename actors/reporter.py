"""Errors that no caller gets to see: logged, and told to whoever asked for them."""

from __future__ import annotations

import logging
from collections.abc import Callable


class Reporter:
    """Logs errors under a name and passes them to a callback. Its methods never raise.

    Args:
        logger: where to.
        name: first in each line.
        on_error: called, sync, with each error; what it raises is logged.
    """

    def __init__(
        self,
        logger: logging.Logger,
        name: str,
        on_error: Callable[[Exception], object] | None = None,
    ) -> None:
        self._logger = logger
        self._name = name
        self._on_error = on_error

    def report(self, what: str, error: Exception) -> None:
        """Log a failure of the outside world, and tell the callback."""
        self._logger.warning("%s: %s: %r", self._name, what, error)
        self.tell(error)

    def tell(self, error: Exception) -> None:
        """Tell the callback alone, of an error that was logged already."""
        if self._on_error is not None:
            try:
                self._on_error(error)
            except Exception:
                self._logger.exception("%s: the error callback failed", self._name)

    def guard(self, callback: Callable[..., object], *args: object) -> None:
        """Call somebody else's function, which must not be able to take the actor down."""
        try:
            callback(*args)
        except Exception as error:
            self._logger.exception("%s: a callback failed", self._name)
            self.tell(error)
