"""A picture that kills whoever decodes it, as one that a library crashes on would."""

import os
import signal
from pathlib import Path
from typing import Any

from support import pictures

_MARK = b"kills whoever decodes it"


def write_poison(path: Path) -> Path:
    """Write a picture that harms only the processes that `fear_poison` was called in."""
    path.write_bytes(pictures.plain_jpeg() + _MARK)
    return path


def fear_poison() -> None:
    """See to it that this process dies by SIGKILL when it is about to decode such a picture."""
    from indexer.ingest import encoding

    module: Any = encoding
    decoded = module.decoded

    def fearful(data: bytes, *arguments: Any, **options: Any) -> Any:
        if data.endswith(_MARK):
            os.kill(os.getpid(), signal.SIGKILL)
        return decoded(data, *arguments, **options)

    module.decoded = fearful
