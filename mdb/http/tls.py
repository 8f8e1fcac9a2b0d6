"""TLS settings of the server."""

import ssl
from pathlib import Path


def tls_context(certificate: Path, key: Path | None = None) -> ssl.SSLContext:
    """Return a context for HTTPS, which offers HTTP/2 and HTTP/1.1.

    Args:
        certificate: PEM file with the server's certificate and what leads up to its authority.
        key: PEM file with its key, if that is not in the same file.

    Raises:
        OSError: A file cannot be read.
        ssl.SSLError: It holds something else, or the two do not belong together.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # what HTTP/2 demands (RFC 9113, 9.2)
    context.options |= ssl.OP_NO_COMPRESSION
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context
