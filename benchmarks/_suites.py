"""Which suites there are. A suite's modules are imported when it is chosen, so that it runs without those of others.

More than tidiness: the garbage collector looks at every imported library, and would make all measurements dearer.
"""

from collections.abc import Callable

from actrio.benchmarks._harness import Suite


def _kernel() -> Suite:
    from actrio.benchmarks.kernel import SCENARIOS

    return Suite(name="kernel", beside="plain Trio", scenarios=SCENARIOS)


def _providers() -> Suite:
    from actrio.benchmarks.providers import SUITE

    return SUITE


def _agents() -> Suite:
    from actrio.benchmarks.agents import SUITE

    return SUITE


def _hosts() -> Suite:
    from actrio.benchmarks.hosts import SUITE

    return SUITE


def _gateway() -> Suite:
    from actrio.benchmarks.gateway import SUITE

    return SUITE


def _peers() -> Suite:
    from actrio.benchmarks.peers import SUITE

    return SUITE


def _load() -> Suite:
    from actrio.benchmarks.load import SUITE

    return SUITE


SUITES: dict[str, Callable[[], Suite]] = {
    "kernel": _kernel,
    "providers": _providers,
    "agents": _agents,
    "hosts": _hosts,
    "gateway": _gateway,
    "peers": _peers,
    "load": _load,
}
