"""TLS for the tests: a certificate for localhost and 127.0.0.1 that signs itself, valid until 2120.

Its key is public, so it proves nothing: it is for tests only.
"""

import ssl
from pathlib import Path
from typing import Final

CERTIFICATE: Final = Path(__file__).with_name("test_only_localhost_cert.pem")
KEY: Final = Path(__file__).with_name("test_only_localhost_key.pem")


def server_context() -> ssl.SSLContext:
    """For a server that has the certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE, KEY)
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


def client_context() -> ssl.SSLContext:
    """For a client that trusts it, and nothing else."""
    return ssl.create_default_context(cafile=str(CERTIFICATE))
