"""Settings of the property tests."""

from hypothesis import settings

# How long an example takes depends on the machine; the suite's own limit is enough.
settings.register_profile("mdb", deadline=None)
settings.load_profile("mdb")
