"""Step callback of a pipeline, without the latents: they are the picture before it is screened."""

from collections.abc import Callable
from typing import Any, Final

from indexer.errors import UnscreenedOutput

_SHOWN: Final = ("embeds", "ids")
"""Endings of the tensors that a callback may have: of the prompt and of sizes, not of pictures."""


class _StepTensors(dict[str, Any]):
    """The tensors of a step; says why one is not among them."""

    def __missing__(self, name: str) -> Any:
        raise UnscreenedOutput(_refusal(name))


def shield_callback(arguments: dict[str, Any], pipeline: object) -> None:
    """Replace a call's step callback by one that is given no latents, and `pipeline` as pipeline.

    Raises
    ------
    UnscreenedOutput
        It asks for latents or other pictures, or is the former `callback`, which is given them.
    """
    if arguments.get("callback") is not None:
        raise UnscreenedOutput(
            "`callback` is given the latents, which are not screened. Use `callback_on_step_end`."
        )
    callback: Callable[..., dict[str, Any]] | None = arguments.get("callback_on_step_end")
    wanted = arguments.pop("callback_on_step_end_tensor_inputs", None)
    if callback is None:
        return
    names = list(getattr(callback, "tensor_inputs", wanted) or ())
    refused = [name for name in names if not name.endswith(_SHOWN)]
    if refused:
        raise UnscreenedOutput(_refusal(", ".join(refused)))

    def shielded(_pipe: object, step: int, time: Any, tensors: dict[str, Any]) -> Any:
        return callback(pipeline, step, time, _StepTensors(tensors))

    arguments["callback_on_step_end"] = shielded
    arguments["callback_on_step_end_tensor_inputs"] = names


def _refusal(names: str) -> str:
    return (
        f"A step callback cannot have {names}: it would show a picture before it is screened. "
        f"It may have tensors whose names end with {' or '.join(_SHOWN)}."
    )
