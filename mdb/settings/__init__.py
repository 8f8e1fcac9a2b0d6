"""The server's settings: what they are, and where their values come from."""

from mdb.settings.definition import SETTINGS, Setting, Settings
from mdb.settings.sources import Loaded, load
from mdb.settings.values import ConfigurationError

__all__ = ["SETTINGS", "ConfigurationError", "Loaded", "Setting", "Settings", "load"]
