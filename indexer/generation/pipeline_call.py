"""Pipeline call: the arguments of one generation, made to return pictures that can be screened."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from inspect import Parameter, signature
from typing import Any, Final, Self

from PIL import Image

from indexer.errors import InputError, UnscreenedOutput
from indexer.generation.seeds import generators_of, next_seed, seeds_for
from indexer.generation.step_callback import shield_callback

OUTPUT_TYPES: Final = ("pil", "np", "pt")


@dataclass(frozen=True, slots=True)
class PipelineCall:
    """One call of a pipeline."""

    pipe: Callable[..., Any]
    arguments: Mapping[str, Any]
    """By name, without generators, output type and `return_dict`."""
    generator: Any
    """torch's, one or one a picture; None for a pipeline without."""
    seeds: tuple[int | None, ...]
    """One a picture, or one for all."""
    output_type: str
    """What the caller wants: pil, np or pt."""
    is_divisible: bool
    """Whether the number of pictures can be chosen, because all have the same prompt."""

    @classmethod
    def of(
        cls,
        pipe: Callable[..., Any],
        given: tuple[Sequence[Any], Mapping[str, Any]],
        seed: int | Sequence[int] | None,
        shown_as: object,
    ) -> Self:
        """Name the arguments of a call, and give each picture a seed.

        Parameters
        ----------
        pipe : callable
        given : tuple
            Positional and named arguments of the caller.
        seed : int, sequence of int or None
            Replaces `generator`; see `seeds_for`.
        shown_as : object
            What a step callback is given as the pipeline.

        Raises
        ------
        UnscreenedOutput
            It asks for latents.
        InputError
            The seeds or the output type are invalid.
        """
        declared = signature(pipe).parameters
        arguments = dict(signature(pipe).bind_partial(*given[0], **given[1]).arguments)
        for name in [n for n, each in declared.items() if each.kind is Parameter.VAR_KEYWORD]:
            arguments |= arguments.pop(name, {})
        arguments.pop("return_dict", None)
        output_type = _checked(arguments.pop("output_type", None))
        shield_callback(arguments, shown_as)
        if "output_type" in declared:
            arguments["output_type"] = "pil"
        count = _count(arguments, declared)
        generator, seeds = _generator(arguments, declared, seed, count or 1)
        divisible = isinstance(arguments.get("prompt"), str) and "num_images_per_prompt" in declared
        return cls(pipe, arguments, generator, seeds, output_type, divisible)

    def run(self) -> list[Image.Image]:
        """Generate the pictures.

        Raises
        ------
        UnscreenedOutput
            The pipeline returned something else.
        """
        arguments = dict(self.arguments)
        if self.generator is not None:
            arguments["generator"] = self.generator
        pictures = getattr(self.pipe(**arguments), "images", None)
        if not isinstance(pictures, list) or not all(isinstance(p, Image.Image) for p in pictures):
            raise UnscreenedOutput(
                f"{type(self.pipe).__name__} returned no list of PIL pictures, and nothing else "
                "can be screened."
            )
        return pictures

    def seed(self, place: int) -> int | None:
        """Return the seed of a picture by its place in the call."""
        return self.seeds[place] if place < len(self.seeds) else self.seeds[0]

    def prompts(self, count: int) -> list[str | None]:
        """Return the prompt of each of `count` pictures; None where only embeddings were given."""
        prompt = self.arguments.get("prompt")
        if isinstance(prompt, str):
            return [prompt] * count
        if isinstance(prompt, list | tuple) and prompt and count % len(prompt) == 0:
            return [str(each) for each in prompt for _ in range(count // len(prompt))]
        return [None] * count

    def again(self, places: Sequence[int], attempt: int) -> tuple[Self, Sequence[int]]:
        """Return a call with new seeds for some pictures, and their places in it.

        Noise that the caller gave as `latents` is left out: it would give the same picture.

        Parameters
        ----------
        places : sequence of int
            Of the pictures to generate again.
        attempt : int
            From 1.
        """
        arguments = {name: value for name, value in self.arguments.items() if name != "latents"}
        remade: Sequence[int] = range(len(self.seeds))
        found = places
        if self.is_divisible:
            arguments["num_images_per_prompt"] = len(places)
            remade, found = places, range(len(places))
        if self.generator is None:
            return replace(self, arguments=arguments), found
        seeds = [next_seed(self.seed(place) or 0, attempt, place) for place in remade]
        generator = generators_of(seeds)
        return (
            replace(self, arguments=arguments, generator=generator, seeds=tuple(seeds)),
            found,
        )


def _checked(output_type: str | None) -> str:
    if output_type == "latent":
        raise UnscreenedOutput(
            "output_type='latent' returns pictures that are not decoded, and cannot be screened. "
            f"Use {', '.join(OUTPUT_TYPES)}."
        )
    if output_type is not None and output_type not in OUTPUT_TYPES:
        raise InputError(f"Invalid output_type {output_type!r}. Use {', '.join(OUTPUT_TYPES)}.")
    return output_type or "pil"


def _count(arguments: Mapping[str, Any], declared: Mapping[str, Parameter]) -> int | None:
    """Return how many pictures a call makes; None where its arguments do not say."""
    prompt = arguments.get("prompt")
    if prompt is None:
        prompt = arguments.get("prompt_embeds")
    if prompt is None:
        return arguments.get("batch_size")
    each = arguments.get("num_images_per_prompt")
    if each is None and "num_images_per_prompt" in declared:
        each = declared["num_images_per_prompt"].default
    return (1 if isinstance(prompt, str) else len(prompt)) * (each or 1)


def _generator(
    arguments: dict[str, Any],
    declared: Mapping[str, Parameter],
    seed: int | Sequence[int] | None,
    count: int,
) -> tuple[Any, tuple[int | None, ...]]:
    """Take the caller's generators, or make one for each picture; return them and the seeds."""
    given = arguments.pop("generator", None)
    if given is not None and seed is not None:
        raise InputError("Give either `seed` or `generator`, not both.")
    if given is not None:
        several = given if isinstance(given, list | tuple) else [given]
        return given, tuple(each.initial_seed() for each in several)
    if "generator" not in declared:
        if seed is not None:
            raise InputError("This pipeline has no `generator`, so it takes no seed.")
        return None, (None,)
    seeds = seeds_for(seed, count)
    return generators_of(seeds), tuple(seeds)
