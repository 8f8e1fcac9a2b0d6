"""Actors with faulty stores, by key, for the tests of a registry."""

import contextvars

from faulty_store import FaultyStore

from actors import GroupCommitActor, GroupCommitSettings

request = contextvars.ContextVar("request", default="none")


class World:
    """Makes actors with a faulty store each, and remembers them by key."""

    def __init__(self):
        self.stores = {}
        self.made = []
        self.contexts = []
        self.prepare = lambda store: None

    def __call__(self, key):
        self.made.append(key)
        self.contexts.append(request.get())
        store = self.stores[key] = FaultyStore()
        self.prepare(store)
        return GroupCommitActor(
            store, name=str(key), settings=GroupCommitSettings(restart_intensity=0, jitter=0)
        )

    def running(self):
        return sorted(key for key, store in self.stores.items() if store.is_open)
