"""PyTorch, or one clear error: only those who train or act with a brain need it."""

from __future__ import annotations

from types import ModuleType

from fleetloop.core.errors import MissingDependencyError


def need_torch() -> ModuleType:
    """The module `torch`.

    Raises:
        MissingDependencyError: It is not installed.
    """
    try:
        import torch
        import torch.nn
    except ImportError as error:
        raise MissingDependencyError(
            "Brains need PyTorch and safetensors, which are not installed here: run `make setup`, "
            "or `pip install 'fleetloop[train]'`; docs/install.md says how to get the small CPU "
            "build."
        ) from error
    module: ModuleType = torch
    return module
