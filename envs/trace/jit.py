"""How kernels are compiled: one decorator, one set of flags, a cache that survives new installs.

Flags, each measured to matter (loop times against the best):
    * `error_model="numpy"`: without it the branch for division by zero costs 7-8x.
    * `nogil=True`: kernels run on our own threads. `parallel=True` is never used: its OpenMP layer
      kills forked children, its work-queue layer aborts under two Python threads.
    * no `fastmath`: it gains nothing here, and infinities are meant.

Numba's own cache is keyed by the path of the source file, so each new virtual environment would
compile for many seconds. Ours is keyed by content: the kernel's file and all files of fleetloop
that it imports, since their functions are compiled into it.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.util
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numba
import numba.extending
from numba.core import caching

from fleetloop.core.folders import cache_folder

_LOG = logging.getLogger(__name__)

Kernel = Callable[..., Any]
"""What a decorator leaves: Numba finds the types at the first call, so Python knows none."""


def kernel(function: Kernel) -> Kernel:
    """Compiles a function that Python calls: nopython, without the GIL, cached on disk."""
    dispatcher: Any = numba.njit(nogil=True, error_model="numpy")(function)
    try:
        dispatcher._cache = _ContentCache(function)
    except (AttributeError, RuntimeError) as error:
        # Private classes of another Numba: compiling anew at each start is slow, never wrong.
        _LOG.warning("Kernels are not cached with this Numba (%s).", error)
    return cast(Kernel, dispatcher)


def inline(function: Kernel) -> Kernel:
    """Compiles a helper into each kernel that calls it; it is never called from Python."""
    # LLVM inlines; Numba's own `inline="always"` made compilation several times slower.
    return cast(Kernel, numba.njit(nogil=True, error_model="numpy")(function))


def emitted(function: Kernel) -> Kernel:
    """Makes a helper of kernels whose LLVM instructions are given one by one."""
    made: Any = numba.extending.intrinsic(function)
    return cast(Kernel, made)


def cache_root() -> Path:
    """Folder of compiled kernels."""
    return cache_folder("kernels")


@functools.cache
def _imported_files(path: str) -> tuple[str, ...]:
    """Files of fleetloop that a source file imports, by reading it (nothing is run)."""
    modules: set[str] = set()
    for node in ast.walk(ast.parse(Path(path).read_bytes())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("fleetloop."):
            base = str(node.module)
            modules |= {base} | {f"{base}.{alias.name}" for alias in node.names}
    files = set()
    for module in modules:
        try:
            spec = importlib.util.find_spec(module)
        except ModuleNotFoundError:  # the name is a function, not a module
            continue
        if spec is not None and spec.origin is not None:
            files.add(spec.origin)
    return tuple(sorted(files))


@functools.cache
def _content_stamp(path: str) -> str:
    """Hash over a kernel file and, in turn, all that it imports from fleetloop."""
    seen: set[str] = set()
    waiting = [path]
    while waiting:
        current = waiting.pop()
        if current not in seen:
            seen.add(current)
            waiting.extend(_imported_files(current))
    contents = sorted(hashlib.sha256(Path(name).read_bytes()).hexdigest() for name in seen)
    return hashlib.sha256("".join(contents).encode()).hexdigest()


class _ContentLocator(caching._CacheLocator):
    """Where the machine code of one function is kept."""

    def __init__(self, py_func: Callable[..., Any], py_file: str) -> None:
        self._stamp = _content_stamp(py_file)
        name = f"{Path(py_file).name}:{py_func.__qualname__}:{py_func.__code__.co_firstlineno}"
        self._disambiguator = hashlib.sha256(name.encode()).hexdigest()[:10]

    def get_cache_path(self) -> str:
        return str(cache_root() / self._stamp[:16])

    def get_source_stamp(self) -> str:
        return self._stamp

    def get_disambiguator(self) -> str:
        return self._disambiguator

    @classmethod
    def from_function(cls, py_func: Callable[..., Any], py_file: str) -> _ContentLocator | None:
        """Returns the locator, or None when no folder can be written (Numba then says so)."""
        if not os.path.exists(py_file):
            return None
        locator = cls(py_func, py_file)
        try:
            locator.ensure_cache_path()  # type: ignore[no-untyped-call]  # Numba's own
        except OSError:
            return None
        return locator


class _ContentCacheImpl(caching.CompileResultCacheImpl):
    _locator_classes = [_ContentLocator]  # noqa: RUF012 - Numba's own form


class _NamedFiles(caching.IndexDataCacheFile):
    """Machine code of each signature in a file that is named after it.

    Numba numbers these files. Two processes that compile two signatures of one kernel at once take
    the same number, and whoever loads the kernel next is given code for other arguments.
    """

    def save(self, key: Any, data: Any) -> None:  # noqa: ANN401 - Numba's own
        digest = hashlib.sha256(str(key).encode()).hexdigest()[:16]
        name = self._data_name_pattern.replace("{number:d}", digest)
        # The code before the index: what stands in the index is there.
        self._save_data(name, data)  # type: ignore[no-untyped-call]  # Numba's own
        overloads = self._load_index()  # type: ignore[no-untyped-call]  # Numba's own
        overloads[key] = name
        self._save_index(overloads)  # type: ignore[no-untyped-call]  # Numba's own


class _ContentCache(caching.FunctionCache):
    _impl_class = _ContentCacheImpl

    def __init__(self, py_func: Callable[..., Any]) -> None:
        super().__init__(py_func)  # type: ignore[no-untyped-call]  # Numba's own
        self._cache_file = _NamedFiles(  # type: ignore[no-untyped-call]  # Numba's own
            cache_path=self._cache_path,
            filename_base=self._impl.filename_base,
            source_stamp=self._impl.locator.get_source_stamp(),
        )
