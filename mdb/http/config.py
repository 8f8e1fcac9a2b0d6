"""The settings under which Hypercorn serves what the lane does not."""

import logging

from hypercorn.config import Config

from mdb.http.limits import Limits


def hypercorn_config(limits: Limits) -> Config:
    """Return the settings under which Hypercorn takes connections over from our listener.

    There is no read timeout: a follower of an event stream sends nothing for hours. What a
    client may take its time for is bounded by the keep-alive timeout (up to the end of a head),
    by the application's body timeout, and by the stream's send timeout.
    """
    config = Config()
    config.accesslog = None
    config.errorlog = logging.getLogger("mdb.http.hypercorn")
    config.include_server_header = False
    config.keep_alive_timeout = limits.idle_timeout
    config.graceful_timeout = limits.grace
    config.shutdown_timeout = limits.grace
    config.ssl_handshake_timeout = limits.handshake_timeout
    config.h11_max_incomplete_size = limits.max_head
    config.h2_max_header_list_size = limits.max_head
    return config
