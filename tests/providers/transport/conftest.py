"""The clients of these tests, over our transport, or over either of ours and httpx2's own."""

from collections.abc import AsyncGenerator, Callable

import httpx2
import pytest

from actrio.providers.transport import Http11Transport

MakeTransport = Callable[[httpx2.Limits], httpx2.AsyncBaseTransport]
NO_LIMITS = httpx2.Limits(max_connections=None, max_keepalive_connections=None, keepalive_expiry=None)


def own(limits: httpx2.Limits) -> httpx2.AsyncBaseTransport:
    return Http11Transport(limits=limits, trust_env=False)


def httpx2s(limits: httpx2.Limits) -> httpx2.AsyncBaseTransport:
    return httpx2.AsyncHTTPTransport(limits=limits, verify=False, trust_env=False)


@pytest.fixture(params=[own, httpx2s])
def make(request: pytest.FixtureRequest) -> MakeTransport:
    made: MakeTransport = request.param
    return made


@pytest.fixture
async def either(make: MakeTransport) -> AsyncGenerator[httpx2.AsyncClient]:
    """A client over one of the two transports."""
    async with httpx2.AsyncClient(transport=make(NO_LIMITS), timeout=None) as client:
        yield client


@pytest.fixture
async def transport() -> AsyncGenerator[Http11Transport]:
    async with Http11Transport(limits=NO_LIMITS) as transport:
        yield transport


@pytest.fixture
async def client(transport: Http11Transport) -> AsyncGenerator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(transport=transport, timeout=None) as client:
        yield client
