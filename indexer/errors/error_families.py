"""Families of errors, each with an exit code of its own."""

import re


class LookalikeError(Exception):
    """Base class: catching it catches everything we raise on purpose."""

    code = "lookalike_error"
    """Of a subclass: its name in snake case, where it sets none; `CostlyImage` has costly_image."""
    exit_code = 1

    def __init__(self, message: str = "", *, brief: str | None = None) -> None:
        super().__init__(message)
        self.brief = brief or message
        """The same for a person who looks at a screen, without what a program is to do next."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "code" not in vars(cls):
            cls.code = re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()


class InputError(LookalikeError):
    """The input is invalid."""

    code = "invalid_input"
    exit_code = 2


class AccessError(LookalikeError):
    """Access is denied."""

    code = "access_denied"
    exit_code = 2


class MismatchError(LookalikeError):
    """Two artefacts that must agree do not."""

    code = "mismatch"
    exit_code = 3


class NotFoundError(LookalikeError):
    """An image, bank or model does not exist."""

    code = "not_found"
    exit_code = 4


class UnavailableError(LookalikeError):
    """A resource is unavailable; try again later."""

    code = "unavailable"
    exit_code = 5
