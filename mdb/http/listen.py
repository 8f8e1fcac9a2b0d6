"""Listening sockets: opening, accepting, and closing them without leaving anyone in the queue."""

import errno
import logging
import select
import socket
from collections.abc import Callable
from typing import Final

import trio

from mdb.http.limits import Limits

logger = logging.getLogger("mdb.http.listen")

# What accept(2) says when the process or the system has no room for another connection.
_NO_ROOM: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS})

# Seconds to wait for room, as trio's own loop does.
_NO_ROOM_PAUSE: Final = 0.1

# Attempts to find a free port that is free on every address of the host.
_PORT_ATTEMPTS: Final = 10

# Seconds one accept may take when the queue is emptied: it does not wait, unless the client has
# left it in that moment.
_LAST_ACCEPT: Final = 0.1


async def open_listeners(host: str | None, port: int, limits: Limits) -> list[trio.SocketListener]:
    """Listen on every address of ``host``, all on the same port.

    Args:
        host: A name or address; None for all addresses of the machine.
        port: 0 for a free one.
        limits: ``backlog``, and ``send_timeout`` for the kernel's own limit on unacknowledged
            data, which also frees a send that nothing else can (Linux).

    Raises:
        OSError: The address is not of this machine, or the port is taken.
    """
    for attempt in range(1, _PORT_ATTEMPTS + 1):
        listeners = await trio.open_tcp_listeners(port, host=host, backlog=limits.backlog)
        if port == 0 and len(listeners) > 1:
            try:
                listeners = await _on_one_port(listeners, limits)
            except OSError:
                if attempt == _PORT_ATTEMPTS:
                    raise
                continue
        break
    for listener in listeners:
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # accepted sockets inherit it
            listener.socket.setsockopt(
                socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(limits.send_timeout * 1000)
            )
    return listeners


async def _on_one_port(
    listeners: list[trio.SocketListener], limits: Limits
) -> list[trio.SocketListener]:
    first, *others = listeners
    port = first.socket.getsockname()[1]
    result = [first]
    try:
        for other in others:
            address = other.socket.getsockname()[0]
            await other.aclose()
            result += await trio.open_tcp_listeners(port, host=address, backlog=limits.backlog)
    except OSError:
        for listener in (*result, *others):
            await listener.aclose()
        raise
    return result


async def accept_forever(
    listener: trio.SocketListener, take: Callable[[trio.SocketStream], None]
) -> None:
    """Pass every new connection to ``take``, until cancelled; does not close the listener."""
    while True:
        try:
            stream = await listener.accept()
        except OSError as error:
            if error.errno not in _NO_ROOM:
                raise
            logger.error("no room for another connection: %s", error)  # noqa: TRY400
            await trio.sleep(_NO_ROOM_PAUSE)
        else:
            take(stream)


async def close_listener(
    listener: trio.SocketListener, take: Callable[[trio.SocketStream], None], *, at_most: int
) -> None:
    """Close the listener, after passing those to ``take`` who already wait in its queue.

    Closing alone would reset their connections, although the kernel has told them that they
    are connected.
    """
    poll = select.poll()
    poll.register(listener.socket.fileno(), select.POLLIN)
    try:
        for _ in range(at_most):
            if not poll.poll(0):
                break
            with trio.move_on_after(_LAST_ACCEPT):
                take(await listener.accept())
    except OSError as error:
        logger.warning("some who waited for a connection are reset: %s", error)
    finally:
        await trio.aclose_forcefully(listener)
