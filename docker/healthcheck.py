"""Ends with code 0 when the server in this container is ready."""

import os
import sys
from urllib.error import URLError
from urllib.request import urlopen

PORT = os.environ.get("LOOKALIKE_SERVE_PORT", "8000")

try:
    with urlopen(f"http://127.0.0.1:{PORT}/readyz", timeout=4) as answer:
        sys.exit(answer.status != 200)  # noqa: PLR2004 -- HTTP's OK
except URLError as error:
    sys.exit(str(error))
