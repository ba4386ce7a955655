"""Jobs for tests of fleets; workers import this file by its folder."""

from __future__ import annotations

import hashlib
import os
import signal
import time
from pathlib import Path


def digest(args, report):
    """Some work whose answer depends on the arguments alone."""
    value = str(args["text"]).encode()
    for _ in range(args.get("rounds", 10)):
        value = hashlib.sha256(value).digest()
    report(0.5)
    return value.hex()


def die_once(args, report):
    """Ends its worker as hard as can be, at the first attempt."""
    marker = Path(args["marker"])
    if not marker.exists():
        marker.write_text("")
        os.kill(os.getpid(), signal.SIGKILL)
    return "lived"


def die(args, report):
    os._exit(7)


def fail(args, report):
    raise ValueError(f"no {args['what']}")


def slow(args, report):
    Path(args["marker"]).write_text(str(os.getpid()))
    for part in range(200):
        report(part / 200)
        time.sleep(0.05)
    return "done"
