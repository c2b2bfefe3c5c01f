"""Schedulers of diffusion pipelines, by the names that people know."""

from types import MappingProxyType
from typing import Any, Final

from indexer.errors import InputError

SCHEDULERS: Final = MappingProxyType(
    {
        "ddim": "DDIMScheduler",
        "ddpm": "DDPMScheduler",
        "deis": "DEISMultistepScheduler",
        "dpm++": "DPMSolverMultistepScheduler",
        "euler": "EulerDiscreteScheduler",
        "euler-a": "EulerAncestralDiscreteScheduler",
        "heun": "HeunDiscreteScheduler",
        "lcm": "LCMScheduler",
        "lms": "LMSDiscreteScheduler",
        "pndm": "PNDMScheduler",
        "unipc": "UniPCMultistepScheduler",
    }
)
"""diffusers' class of each name."""


def set_scheduler(pipeline: Any, name: str) -> None:
    """Replace a pipeline's scheduler by another kind with the same noise schedule.

    Raises
    ------
    InputError
        There is no scheduler of this name, or the pipeline cannot use it.
    """
    class_name = SCHEDULERS.get(name)
    if class_name is None:
        raise InputError(f"There is no scheduler {name!r}. Choose one of {', '.join(SCHEDULERS)}.")
    usable = {cls.__name__: cls for cls in pipeline.scheduler.compatibles}
    if class_name not in usable:
        named = [each for each, cls in SCHEDULERS.items() if cls in usable]
        others = f"Choose one of {', '.join(named)}" if named else "Leave out the scheduler"
        raise InputError(
            f"This pipeline samples with {type(pipeline.scheduler).__name__} and cannot use "
            f"{name}. {others}."
        )
    few_steps = {"skip_prk_steps": True} if name == "pndm" else {}  # else it needs four
    pipeline.scheduler = usable[class_name].from_config(pipeline.scheduler.config, **few_steps)
