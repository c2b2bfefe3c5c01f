"""Dataclasses whose fields are described by the docstrings below them."""

from typing import Any, TypeVar

ClassT = TypeVar("ClassT")


def described(cls: type[ClassT]) -> type[ClassT]:
    """Let the docstrings of a dataclass's fields describe them in the OpenAPI document."""
    configured: Any = cls
    configured.__pydantic_config__ = {"use_attribute_docstrings": True}  # pydantic's name and form
    return cls
