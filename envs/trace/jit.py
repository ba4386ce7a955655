"""How kernels are compiled: one decorator, one set of flags, a cache that survives new installs.

Flags, each measured to matter (loop times against the best):
    * `error_model="numpy"`: without it the branch for division by zero costs 7-8x.
    * `nogil=True`: kernels run on our own threads. `parallel=True` is never used: its OpenMP layer
      kills forked children, its work-queue layer aborts under two Python threads.
    * no `fastmath`: it gains nothing here, and infinities are meant.

Numba's own cache is keyed by the path of the source file, so each new virtual environment would
compile for many seconds. Ours is keyed by content: the kernel's file and all files of fleetloop
that it imports, since their functions are compiled into it. Compilation itself is `compiler`'s.
"""

# mypy: disable-error-code="no-untyped-call"

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
from fleetloop.envs.trace.turns import Turn

_LOG = logging.getLogger(__name__)

Kernel = Callable[..., Any]
"""What a decorator leaves: Numba finds the types at the first call, so Python knows none."""


def _plain(function: Kernel) -> Any:  # noqa: ANN401 - Numba's own
    return numba.njit(nogil=True, error_model="numpy")(function)


try:
    from fleetloop.envs.trace.compiler import helper_dispatcher, kernel_dispatcher
except (AttributeError, ImportError) as error:
    # Private classes of another Numba: its own compiler takes longer, for the same code.
    _LOG.info("Kernels are compiled in the plain way with this Numba (%s).", error)
    helper_dispatcher = kernel_dispatcher = _plain


def kernel(function: Kernel) -> Kernel:
    """Compiles a function that Python calls: nopython, without the GIL, cached on disk."""
    dispatcher: Any = kernel_dispatcher(function)
    try:
        dispatcher._cache = _ContentCache(function)
    except (AttributeError, RuntimeError) as error:
        # Private classes of another Numba: compiling anew at each start is slow, never wrong.
        _LOG.warning("Kernels are not cached with this Numba (%s).", error)
    return cast(Kernel, dispatcher)


def inline(function: Kernel) -> Kernel:
    """Compiles a helper into each kernel that calls it; it is never called from Python."""
    # LLVM inlines; Numba's own `inline="always"` made compilation several times slower.
    return cast(Kernel, _Helper(function, helper_dispatcher(function)))


class _Helper:
    """What Python sees of a helper: Numba finds the dispatcher in it, Python can't call it."""

    def __init__(self, function: Kernel, dispatcher: Any) -> None:  # noqa: ANN401 - Numba's own
        functools.update_wrapper(self, function)
        self._dispatcher = dispatcher

    @property
    def _numba_type_(self) -> Any:  # noqa: ANN401 - Numba's own
        return self._dispatcher._numba_type_

    def __call__(self, *args: object, **kwargs: object) -> object:
        name = getattr(self, "__qualname__", "this")
        raise TypeError(f"{name} is compiled into kernels; from Python call __wrapped__ instead.")


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
            locator.ensure_cache_path()
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
        self._save_data(name, data)
        overloads = self._load_index()
        overloads[key] = name
        self._save_index(overloads)


class _ContentCache(caching.FunctionCache):
    _impl_class = _ContentCacheImpl

    def __init__(self, py_func: Callable[..., Any]) -> None:
        super().__init__(py_func)
        self._cache_file = _NamedFiles(
            cache_path=self._cache_path,
            filename_base=self._impl.filename_base,
            source_stamp=self._impl.locator.get_source_stamp(),
        )
        self._turn = Turn(Path(self._cache_path) / f"{self._impl.filename_base}.lock")

    def load_overload(self, sig: Any, target_context: Any) -> Any:  # noqa: ANN401 - Numba's own
        """Machine code for a signature; None, and the turn to compile it, if there is none yet."""
        self._turn.end()  # of a compilation that failed
        found = super().load_overload(sig, target_context)
        if found is None:
            self._turn.wait()
            found = super().load_overload(sig, target_context)
        if found is not None:
            self._turn.end()
        return found

    def save_overload(self, sig: Any, data: Any) -> None:  # noqa: ANN401 - Numba's own
        """Keeps machine code for all processes."""
        try:
            super().save_overload(sig, data)
        finally:
            self._turn.end()
