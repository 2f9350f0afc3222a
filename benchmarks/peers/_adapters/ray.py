"""ray: actors, each in a process of its own, on a cluster of this machine alone that lives as long as this program.

The fast path: sync actors of one CPU's share each, method calls without waiting for what they return to tell, and one
`ray.get` for many answers to ask. As small as a cluster can be: one CPU, the least object store, no dashboard.

Ray listens on all addresses of a machine. Here that is loopback: the program moves to a network namespace of its own
before it starts the cluster, and does not start it where it may not make one.
"""

import atexit
import ctypes
import fcntl
import os
import secrets
import socket
import struct
import sys
import tempfile
from functools import cache
from pathlib import Path
from time import perf_counter

import ray
from program import CannotDo

fan_in = "each of its senders is a process: a hundred of them are more than this measures"
asks_100 = "each of its actors is a process: a hundred of them are more than this measures"
ring = "each of its actors is a process: a thousand of them are more than a machine has room for"
idle_bytes = "each of its actors is a process, of which Python's own memory is the least part"

# A process takes most of a second to start, so there are few of them, however many were asked for.
FEW = 4

OBJECT_STORE = 80 * 1024 * 1024  # bytes, about the least that it takes


def _stay_inside() -> None:
    """Move to a network namespace in which there is nothing but loopback."""
    new_user, new_net, uid, gid = 0x10000000, 0x40000000, os.getuid(), os.getgid()
    if not sys.platform.startswith("linux"):
        raise CannotDo("it listens on all addresses of a machine, which only Linux can keep to loopback")
    unshare = ctypes.CDLL(None, use_errno=True).unshare
    if unshare(new_net):
        if unshare(new_user | new_net):
            raise CannotDo("it listens on all addresses of a machine, and may not be kept to loopback here")
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    get_flags, set_flags, up = 0x8913, 0x8914, 1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        asked = struct.pack("16sh14x", b"lo", 0)
        (flags,) = struct.unpack_from("h", fcntl.ioctl(any_socket, get_flags, asked), 16)
        fcntl.ioctl(any_socket, set_flags, struct.pack("16sh14x", b"lo", flags | up))


@cache
def _cluster() -> None:
    _stay_inside()
    os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)  # else it writes one into the user's home
    folder = tempfile.TemporaryDirectory(prefix="ray-")
    atexit.register(folder.cleanup)
    ray.init(
        num_cpus=1,
        object_store_memory=OBJECT_STORE,
        include_dashboard=False,
        log_to_driver=False,
        configure_logging=False,
        _node_ip_address="127.0.0.2",  # it puts the machine's own in place of 127.0.0.1
        _temp_dir=folder.name,
    )
    atexit.register(ray.shutdown)


def run(side, size):
    _cluster()
    return side(size)


@ray.remote(num_cpus=0)
class Counter:
    def __init__(self):
        self.total = 0

    def add(self, amount):
        self.total += amount

    def answer(self):
        return self.total


@ray.remote(num_cpus=0)
class Doubler:
    def double(self, number):
        return 2 * number


@ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=0)
class Fragile:
    def crash(self):
        os._exit(1)

    def answer(self):
        return 1


def tell(bursts: int) -> float:
    counter = Counter.remote()
    ray.get(counter.answer.remote())
    started = perf_counter()
    for burst in range(1, bursts + 1):
        for _ in range(1_000):
            counter.add.remote(1)
        assert ray.get(counter.answer.remote()) == burst * 1_000
    seconds = perf_counter() - started
    ray.kill(counter)
    return bursts * 1_000 / seconds


def ask(asks: int) -> float:
    doubler, total = Doubler.remote(), 0
    ray.get(doubler.double.remote(0))
    started = perf_counter()
    for number in range(asks):
        total += ray.get(doubler.double.remote(number))
    seconds = perf_counter() - started
    assert total == asks * (asks - 1)
    ray.kill(doubler)
    return asks / seconds


def spawn(actors: int) -> float:
    started = perf_counter()
    counters = [Counter.remote() for _ in range(min(actors, FEW))]
    for counter in counters:
        counter.add.remote(1)
    assert ray.get([counter.answer.remote() for counter in counters]) == [1] * len(counters)
    seconds = perf_counter() - started
    for counter in counters:
        ray.kill(counter)
    return seconds / len(counters) * 1e6


def restart(restarts: int) -> float:
    fragile, times = Fragile.remote(), min(restarts, FEW)
    ray.get(fragile.answer.remote())
    started = perf_counter()
    for _ in range(times):
        fragile.crash.remote()
        while True:
            try:
                assert ray.get(fragile.answer.remote()) == 1
                break
            except ray.exceptions.RayActorError:  # it is between two lives
                pass
    seconds = perf_counter() - started
    ray.kill(fragile)
    return seconds / times * 1e6
