"""The program of a relay before the model server that notices when clients close their connections. Never imported.

Its argument is the server's port. Its one line on standard output has two ports of its own, on 127.0.0.1. What comes
to the first goes on to the server, and what that answers comes back. Who connects to the second gets a line, ``ready``,
and then one for each closing of a client's connection: when it was, by `time.monotonic`, which is the same for all
programs of a machine. It ends when its standard input does.
"""

import os
import signal
import socket
import sys
import threading
from contextlib import suppress
from time import monotonic
from typing import Final

_READ_SIZE: Final = 64 * 1024
_HOST: Final = "127.0.0.1"


class _Watchers:
    """Who wants to know."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []

    def add(self, watcher: socket.socket) -> None:
        with self._lock:
            self._sockets.append(watcher)
            watcher.sendall(b"ready\n")

    def tell(self, closed: float) -> None:
        with self._lock:
            for watcher in list(self._sockets):
                try:
                    watcher.sendall(f"{closed!r}\n".encode())
                except OSError:
                    self._sockets.remove(watcher)
                    watcher.close()


def _relay(client: socket.socket, server: socket.socket, watchers: _Watchers) -> None:
    """From the client to the server, until the client has closed its connection."""
    with client, server:
        try:
            while data := client.recv(_READ_SIZE):
                server.sendall(data)
        except OSError:  # it may close while there is something that it has not read
            pass
        watchers.tell(monotonic())
        with suppress(OSError):  # so that the other thread ends
            server.shutdown(socket.SHUT_RDWR)


def _answer(client: socket.socket, server: socket.socket) -> None:
    """From the server to the client, until either has closed."""
    with suppress(OSError):
        while data := server.recv(_READ_SIZE):
            client.sendall(data)


def _serve(listening: socket.socket, port: int, watchers: _Watchers) -> None:
    while True:
        client, _ = listening.accept()
        server = socket.create_connection((_HOST, port))
        for one in (client, server):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
        threading.Thread(target=_relay, args=(client, server, watchers), daemon=True).start()
        threading.Thread(target=_answer, args=(client, server), daemon=True).start()


def _watch(listening: socket.socket, watchers: _Watchers) -> None:
    while True:
        watcher, _ = listening.accept()
        watchers.add(watcher)


def _main() -> None:
    # Ctrl-C in a terminal goes to every process of the group: the owner decides what it ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    watchers = _Watchers()
    with socket.create_server((_HOST, 0)) as relaying, socket.create_server((_HOST, 0)) as watching:
        serving = (relaying, int(sys.argv[1]), watchers)
        threading.Thread(target=_serve, args=serving, daemon=True).start()
        threading.Thread(target=_watch, args=(watching, watchers), daemon=True).start()
        sys.stdout.write(f"{relaying.getsockname()[1]} {watching.getsockname()[1]}\n")
        sys.stdout.flush()
        # Not through the buffer of sys.stdin: there is nothing to read but its end.
        while os.read(0, 1):
            pass


if __name__ == "__main__":
    _main()
