"""Errors of missing things."""

from indexer.errors.base import LookalikeError


class NotFoundError(LookalikeError):
    """No such image, bank or model."""

    code = "not_found"
    exit_code = 4


class IndexNotInitialised(NotFoundError):
    """The database holds no tables yet."""

    code = "index_not_initialised"
