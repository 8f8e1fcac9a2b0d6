"""A small actor library on trio: mailboxes, supervision, fan-out, group commit.

It knows nothing of what the actors do: no SQL, no HTTP, no event store.
"""

from .call import Call
from .errors import (
    ActorError,
    DeadlinePassed,
    Down,
    OutcomeUnknown,
    Overloaded,
    RestartLimit,
    SubscriptionEnded,
    Unavailable,
)
from .group_commit import GroupCommitActor
from .hub import Hub, HubStatistics, Lagged, Subscription
from .mailbox import Mailbox, MailboxStatistics
from .registry import Registry, RegistryStatistics
from .settings import GroupCommitSettings, GroupCommitStatistics
from .store import DEFERRED, Deferred, Store, StoreFault
from .supervisor import supervise
from .sweep import Sweep

__all__ = [
    "DEFERRED",
    "ActorError",
    "Call",
    "DeadlinePassed",
    "Deferred",
    "Down",
    "GroupCommitActor",
    "GroupCommitSettings",
    "GroupCommitStatistics",
    "Hub",
    "HubStatistics",
    "Lagged",
    "Mailbox",
    "MailboxStatistics",
    "OutcomeUnknown",
    "Overloaded",
    "Registry",
    "RegistryStatistics",
    "RestartLimit",
    "Store",
    "StoreFault",
    "Subscription",
    "SubscriptionEnded",
    "Sweep",
    "Unavailable",
    "supervise",
]
