"""How a command ends that could not do what it was asked to: one line, and an exit code."""

from __future__ import annotations


class Failed(Exception):
    """It was refused, or it broke: exit code 1. The message is one line."""


class UsageError(Exception):
    """The arguments do not make sense: exit code 2. The message is one line."""
