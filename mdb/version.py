"""The program's version, as the package metadata has it."""

from importlib.metadata import version

VERSION = version("mdb")
