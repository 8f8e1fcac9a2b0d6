"""Telling systemd how far the server is (`Type=notify`): sd_notify(3) in a few lines."""

from __future__ import annotations

import logging
import os
import socket

log = logging.getLogger("mdb.systemd")

READY = "READY=1"
STOPPING = "STOPPING=1"


def notify(state: str) -> None:
    """Send a state to the socket that systemd named; without one, nothing. Never blocks or raises.

    A message that cannot be sent is logged: systemd would wait for it until its own limit.
    """
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):  # the abstract namespace
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.settimeout(0)
            sock.sendto(state.encode(), address)
    except OSError as error:
        log.warning("systemd could not be told %s: %s", state, error)
