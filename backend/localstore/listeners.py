"""Opens listening sockets."""

import errno
import socket

from localstore.data_folder import StartupError

LOOPBACK = "127.0.0.1"
_BACKLOG = 512


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket. Raise StartupError if the address is in use or not allowed.

    `eventlet.listen` would set SO_REUSEPORT, and two stores would share a port.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            # `::` listens for IPv4 too, whatever the system's default.
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        try:
            listener.bind(address)
            listener.listen(_BACKLOG)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        raise StartupError(_sentence(host, port, error)) from error
    # Swift sends a response in several small writes. Nagle's algorithm would delay each by 40 ms.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def port_of(listener: socket.socket) -> int:
    port: int = listener.getsockname()[1]
    return port


def _sentence(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {port} on {host} is in use. Stop the program that uses it, "
            "or set SLIPWAY_STORE_PORT to a free port."
        )
    if error.errno == errno.EACCES:
        return f"This user may not listen on port {port}. Set SLIPWAY_STORE_PORT to a port above 1023."
    return f"The store cannot listen on {host}:{port} ({error.strerror or error}). Check SLIPWAY_HOST."
