"""Every error of the package. A class's docstring is its default message.

Each one answers the only question a caller has: did it happen, and may I try again?
"""

from inspect import cleandoc


class ActorError(Exception):
    """An actor could not answer."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or cleandoc(type(self).__doc__ or type(self).__name__))


class Overloaded(ActorError):
    """The queue is full, by count or by bytes; nothing happened."""


class Down(ActorError):
    """The actor takes no more calls; nothing happened."""


class DeadlinePassed(ActorError):
    """The deadline passed before the call was begun; nothing happened."""


class OutcomeUnknown(ActorError):
    """The call was begun, and its outcome could not be found out in time."""


class Unavailable(ActorError):
    """The store cannot be reached; nothing was written, nor will be."""


class RestartLimit(ActorError):
    """The child crashed too often; it is not restarted again."""


class SubscriptionEnded(ActorError):
    """The subscription was ended by its hub; ``reason`` is what the hub gave."""

    def __init__(self, reason: object = None) -> None:
        super().__init__()
        self.reason = reason


def unavailable(reason: str) -> Unavailable:
    """An `Unavailable` that says why."""
    return Unavailable(f"{reason}; nothing was written, nor will be")
