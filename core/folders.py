"""Where things are kept that can be made again."""

from __future__ import annotations

import logging
import os
import tempfile
from pathlib import Path

_LOG = logging.getLogger(__name__)
_CACHE_ENV = "FLEETLOOP_CACHE_DIR"


def cache_folder(kind: str) -> Path:
    """Folder of one kind of cache: in `$FLEETLOOP_CACHE_DIR`, else the user's, else temporary.

    The temp folder is the answer to read-only homes; its name holds the user's number.

    Args:
        kind: Such as `kernels` or `maps`.
    """
    chosen = os.environ.get(_CACHE_ENV)
    if chosen:
        return Path(chosen) / kind
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    root = Path(base) / "fleetloop" / kind
    try:
        root.mkdir(parents=True, exist_ok=True)
        if os.access(root, os.W_OK):
            return root
    except OSError:
        _LOG.info("The cache folder %s is not writable; %s go to a temp folder.", root, kind)
    return Path(tempfile.gettempdir()) / f"fleetloop-{kind}-{os.getuid()}"
