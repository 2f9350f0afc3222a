"""What a run was measured on."""

import gc
import os
import platform
from importlib.metadata import version
from pathlib import Path
from time import strftime

import trio

# How busy other programs may keep the machine's processors before a run says so, in processors.
_BUSY = 0.25


def environment() -> dict[str, str]:
    """What a figure depends on beside the program: {what: which}. The same keys everywhere."""
    thresholds = "/".join(map(str, gc.get_threshold()))
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "actrio": version("actrio"),
        "trio": trio.__version__,
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processor": f"{_processor()}, {os.cpu_count()} CPUs",
        "garbage collector": f"on, {thresholds}" if gc.isenabled() else "off",
        "load before": f"{_load():.2f}" if _load() is not None else "unknown",
        "measured": strftime("%Y-%m-%d %H:%M"),
    }


def environment_line(found: dict[str, str]) -> str:
    """It in one line."""
    return (
        f"{found['python']}, trio {found['trio']}, {found['system']}, {found['processor']}, "
        f"garbage collector {found['garbage collector']}, load before {found['load before']}."
    )


def busy_note() -> str:
    """A warning if other programs are at work; empty if they are not, or nobody knows."""
    load = _load()
    if load is None or load <= _BUSY:
        return ""
    return f"Other programs are at work (load {load:.1f}): the spread will be wide. Ratios suffer less than figures."


def _load() -> float | None:
    """Processors in use over the last minute."""
    try:
        return os.getloadavg()[0]
    except (AttributeError, OSError):  # not on every system
        return None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown processor"
