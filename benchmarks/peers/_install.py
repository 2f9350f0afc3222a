"""Making the environments of peers: `actrio bench peers --install NAME…`."""

import shutil
import subprocess
import sys
from collections.abc import Iterable

from actrio.benchmarks.peers._peer import PEERS, Peer

# Of the Pythons that a peer may need and this one is too old for.
_NEWEST_MINOR = 15

# How long pip may take for one peer, in seconds. Some are hundreds of megabytes.
_PATIENCE_S = 1_200


class InstallFailed(Exception):
    """An environment could not be made. The text says why."""


def install(names: Iterable[str]) -> int:
    """Make the environments of these peers, ``all`` for all of them; one that is there is made anew.

    Needs a package index. Each is about 20 to 500 MB in the user's cache; delete the folder to be rid of it.

    Returns:
        The exit status: 0, or 1 if one of them could not be made, after trying all.
    """
    known = {peer.name: peer for peer in PEERS}
    wanted = list(known) if "all" in names else list(dict.fromkeys(names))
    failed = False
    for name in wanted:
        if name not in known:
            failed = True
            print(f"{name}: there is no such peer; there are {', '.join(known)}", file=sys.stderr)
            continue
        try:
            _make(known[name])
        except InstallFailed as error:
            failed = True
            print(f"{name}: {error}", file=sys.stderr)
        else:
            print(f"{name}: {' '.join(known[name].requirements)} in {known[name].environment}")
    return 1 if failed else 0


def _make(peer: Peer) -> None:
    interpreter = _interpreter(peer.python)
    if interpreter is None:
        raise InstallFailed(f"it needs Python {peer.python[0]}.{peer.python[1]} or newer: none is on the PATH")
    peer.stamp.unlink(missing_ok=True)
    _call([interpreter, "-m", "venv", "--clear", str(peer.environment)])
    pip = [str(peer.interpreter), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _call([*pip, *peer.requirements])
    peer.stamp.write_text("".join(f"{one}\n" for one in peer.requirements), encoding="utf-8")


def _interpreter(least: tuple[int, int]) -> str | None:
    """This Python if it is new enough, else the first on the PATH that is and that starts."""
    if sys.version_info[:2] >= least:
        return sys.executable
    for minor in range(least[1], _NEWEST_MINOR + 1):
        found = shutil.which(f"python{least[0]}.{minor}")
        if found is not None and _starts(found):
            return found
    return None


def _starts(interpreter: str) -> bool:
    return subprocess.run([interpreter, "-c", ""], capture_output=True, check=False).returncode == 0  # noqa: S603 - found on the user's own PATH


def _call(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_PATIENCE_S)  # noqa: S603 - made above, of our own parts
    except subprocess.TimeoutExpired:
        raise InstallFailed(f"it took more than {_PATIENCE_S} s") from None
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise InstallFailed(said[-1] if said else f"{command[0]} ended with status {done.returncode}")
