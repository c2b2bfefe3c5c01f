"""ONNX Runtime in torch's place: the same input, the same answers, no torch once it is exported."""

import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import product
from pathlib import Path
from threading import Barrier
from time import sleep
from typing import Any
from unittest.mock import Mock

import numpy as np
import onnx
import pytest
import timm
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import load_file, save_file

from indexer.errors import (
    ExportNotWritten,
    InputError,
    SettingsError,
    UnexportableModel,
    UnusableOutput,
)
from indexer.model import (
    Encoder,
    ModelCard,
    export_model,
    load_encoder,
    onnx_export,
    onnx_network,
    runtimes,
)
from indexer.model.export_builder import package
from indexer.model.exports import GRAPH, MANIFEST, Export, KeptExport
from indexer.model.packaged_export import read_packaged
from indexer.model.parity import MAX_PROBABILITY_DIFFERENCE, MIN_COSINE, Parity, sample_pictures
from indexer.model.preprocessing import Preprocessor
from indexer.model.references import ModelFolder, resolve
from indexer.runtime.cpu import Cores
from indexer.settings import SHIPPED_MODEL, Settings
from indexer.types import Rgb
from support.commands import Index
from support.models import edit_config, make_marqo_like, make_tiny

pytestmark = pytest.mark.numeric

PHOTOS = Path(__file__).parents[1] / "photos"


def read_photo(path: Path) -> Rgb:
    return np.asarray(Image.open(path).convert("RGB"))


@pytest.fixture(scope="module")
def photos() -> list[Rgb]:
    return [read_photo(path) for path in sorted(PHOTOS.glob("*.jpg"))]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def own_tiny(tmp_path: Path) -> Path:
    return make_tiny(tmp_path / "tiny")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


# --- the input -----------------------------------------------------------------------------------


def card_of(**preprocessing: Any) -> ModelCard:
    card = ModelCard(
        reference="here",
        architecture="lcnet_035",
        labels=(),
        dimension=1,
        input_size=(3, 64, 64),
        interpolation="bicubic",
        crop_pct=1.0,
        crop_mode="center",
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
        licence=None,
        weights_sha256="",
        fingerprint="",
    )
    return replace(card, **preprocessing)


def timms(card: ModelCard, picture: Rgb) -> np.ndarray[Any, Any]:
    transform = timm.data.create_transform(
        input_size=card.input_size,
        interpolation=card.interpolation,
        crop_pct=card.crop_pct,
        crop_mode=card.crop_mode,
        mean=card.mean,
        std=card.std,
    )
    return transform(Image.fromarray(picture)).numpy()


@pytest.mark.parametrize("crop_mode", ["squash", "center", "border", "a mode timm does not know"])
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "lanczos", "nearest"])
@pytest.mark.parametrize("crop_pct", [1.0, 0.875, 1.25])
def test_a_photo_is_prepared_as_timm_does(
    photos: list[Rgb], crop_mode: str, interpolation: str, crop_pct: float
) -> None:
    card = card_of(
        crop_mode=crop_mode,
        interpolation=interpolation,
        crop_pct=crop_pct,
        input_size=(3, 224, 224),
    )
    preprocess = Preprocessor(card)

    for photo in photos[::9]:
        assert np.abs(preprocess(photo) - timms(card, photo)).max() <= 1e-6


@settings(max_examples=150, deadline=None)
@given(
    width=st.integers(1, 300),
    height=st.integers(1, 300),
    size=st.tuples(st.integers(8, 80), st.integers(8, 80)),
    crop_mode=st.sampled_from(["squash", "center", "border"]),
    crop_pct=st.sampled_from([0, 0.5, 0.9, 1.0, 1.3]),
)
def test_a_picture_of_any_shape_is_prepared_as_timm_does_for_any_input(
    width: int, height: int, size: tuple[int, int], crop_mode: str, crop_pct: float
) -> None:
    card = card_of(input_size=(3, *size), crop_mode=crop_mode, crop_pct=crop_pct)
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    long = max(width, height) > 16 * min(width, height) * max(size) // min(size)
    try:
        expected = timms(card, noise)
    except ValueError:
        with pytest.raises(InputError, match="cannot be resized"):
            Preprocessor(card)(noise)
        return

    prepared = Preprocessor(card)(noise)

    assert prepared.shape == (3, *size)
    assert prepared.flags.c_contiguous
    if not (long and crop_mode == "center"):  # those are cut first, see test_model.py
        assert np.abs(prepared - expected).max() <= 1e-6


# --- the answers ---------------------------------------------------------------------------------


LONG = [pytest.param(name, marks=pytest.mark.long) for name in ("marqo", "one class", "no classes")]


@pytest.fixture(scope="module", params=["shipped", *LONG])
def pair(
    request: pytest.FixtureRequest, model_cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Encoder, Encoder]:
    """Load one model on torch and on ONNX Runtime."""
    folder = tmp_path_factory.mktemp("models")
    match request.param:
        case "shipped":
            reference = SHIPPED_MODEL
        case "marqo":
            reference = str(make_marqo_like(folder))
        case "one class":
            reference = str(make_tiny(folder, num_classes=1))
        case _:
            reference = str(make_tiny(folder, num_classes=0))
    return (
        load_encoder(reference, "cpu", "torch"),
        load_encoder(reference, "cpu", "onnx", model_cache),
    )


@pytest.mark.slow
def test_the_answers_to_photos_are_those_of_torch(
    pair: tuple[Encoder, Encoder], photos: list[Rgb]
) -> None:
    expected, got = (encoder.encode(photos[::3]) for encoder in pair)

    assert [encoder.runtime for encoder in pair] == ["torch", "onnx"]
    assert pair[0].card == pair[1].card
    difference = np.abs(expected.probabilities - got.probabilities).max(initial=0)
    assert difference <= MAX_PROBABILITY_DIFFERENCE
    assert (expected.embeddings * got.embeddings).sum(axis=1).min() >= MIN_COSINE


def test_a_batch_gives_what_single_pictures_give_to_the_bit(
    pair: tuple[Encoder, Encoder], photos: list[Rgb]
) -> None:
    _, encoder = pair

    together = encoder.encode(photos[:5])
    alone = [encoder.encode([photo]) for photo in photos[:5]]

    for name in ("probabilities", "embeddings"):
        rows = np.concatenate([getattr(encoding, name) for encoding in alone])
        np.testing.assert_array_equal(getattr(together, name), rows)


def test_embeddings_alone_are_those_of_a_full_pass_to_the_bit(
    pair: tuple[Encoder, Encoder], photos: list[Rgb]
) -> None:
    for encoder in pair:
        prepared = [encoder.prepare(photo) for photo in photos[:6]]

        alone = encoder.embed(prepared)

        np.testing.assert_array_equal(alone, encoder.forward(prepared).embeddings)
        assert encoder.embed([]).shape == (0, encoder.card.dimension)


def test_the_graph_of_embeddings_ends_at_the_last_tap() -> None:
    export = read_packaged(resolve(SHIPPED_MODEL))
    assert export is not None
    whole = onnx.load_model_from_string(export.graph).graph

    part = onnx.load_model_from_string(onnx_network.embedding_graph(export.graph)).graph

    assert [output.name for output in part.output] == ["embeddings"]
    nodes = [
        {node.name for node in graph.node if node.op_type == "Conv"} for graph in (whole, part)
    ]
    assert nodes[1] < nodes[0]
    assert len(nodes[1]) < 0.8 * len(nodes[0])


def test_a_shorter_pass_that_gives_other_embeddings_is_not_used(
    photos: list[Rgb], threads: "Sessions"
) -> None:
    threads.error_of_short = 1e-3
    encoder = load_encoder(SHIPPED_MODEL, "cpu", "onnx", None)
    prepared = [encoder.prepare(photo) for photo in photos[:2]]

    np.testing.assert_array_equal(encoder.embed(prepared), encoder.forward(prepared).embeddings)


def test_several_threads_may_use_one_session(tiny: Path, model_cache: Path) -> None:
    encoder = load_encoder(str(tiny), "cpu", "onnx", model_cache)
    pictures = sample_pictures()

    with ThreadPoolExecutor(4) as threads:
        rows = list(threads.map(lambda picture: encoder.encode([picture]).embeddings[0], pictures))

    np.testing.assert_array_equal(np.stack(rows), encoder.encode(pictures).embeddings)


@pytest.mark.parametrize("model", ["tiny", "shipped"])
def test_a_caller_that_is_alone_gets_the_same_bits_as_one_among_others(
    tiny: Path, model_cache: Path, photos: list[Rgb], model: str
) -> None:
    # whether the session of two threads is used depends on the processor; the bits do not
    reference, cores = str(tiny) if model == "tiny" else SHIPPED_MODEL, Cores(2)
    encoder = load_encoder(reference, "cpu", "onnx", model_cache, cores)
    alone = encoder.encode(photos[:4])
    with cores.caller(), cores.caller():
        among_others = encoder.encode(photos[:4])
    np.testing.assert_array_equal(alone.embeddings, among_others.embeddings)
    np.testing.assert_array_equal(alone.probabilities, among_others.probabilities)


def test_a_caller_that_is_alone_gets_all_cores_where_they_answer_alike(
    tiny: Path, model_cache: Path, photos: list[Rgb], threads: "Sessions"
) -> None:
    threads.wide_is_narrow = True
    cores = Cores(2)
    encoder = load_encoder(str(tiny), "cpu", "onnx", model_cache, cores)
    threads.used.clear()  # both were asked, to be compared
    encoder.encode(photos[:1])
    assert threads.used == {2}
    threads.used.clear()
    with cores.caller(), cores.caller():
        encoder.encode(photos[:1])
    assert threads.used == {1}


def test_each_picture_has_a_pass_of_its_own(
    tiny: Path, model_cache: Path, photos: list[Rgb], threads: "Sessions"
) -> None:
    encoder = load_encoder(str(tiny), "cpu", "onnx", model_cache, Cores(2))
    encoder.encode(photos[:3])
    assert {*threads.pictures} == {1}


def test_one_core_has_one_session(tiny: Path, model_cache: Path, threads: "Sessions") -> None:
    load_encoder(str(tiny), "cpu", "onnx", model_cache, Cores(1))
    load_encoder(str(tiny), "cpu", "onnx", model_cache)
    assert threads.made == [1, 1]


def test_a_session_that_answers_otherwise_is_not_used(
    tiny: Path, model_cache: Path, photos: list[Rgb], threads: "Sessions"
) -> None:
    threads.wide_is_narrow = True
    threads.error_of_wide = 1e-3
    encoder = load_encoder(str(tiny), "cpu", "onnx", model_cache, Cores(2))
    assert threads.made == [1, 2]
    threads.used.clear()
    encoder.encode(photos[:1])
    assert threads.used == {1}


class Sessions:
    """Which sessions, by their threads, were made and asked."""

    def __init__(self) -> None:
        self.made: list[int] = []
        self.used: set[int] = set()
        self.pictures: list[int] = []  # in each pass
        self.error_of_wide = 0.0
        self.error_of_short = 0.0  # in a pass for embeddings alone
        self.wide_is_narrow = False  # what is called the wide session has one thread, too
        self._open = onnx_network.onnxruntime.InferenceSession

    def make(self, graph: bytes, options: Any, **others: Any) -> Mock:
        threads = options.intra_op_num_threads
        self.made.append(threads)
        if self.wide_is_narrow:
            options.intra_op_num_threads = 1
        session = self._open(graph, options, **others)

        def run(*arguments: Any) -> list[Any]:
            self.used.add(threads)
            self.pictures += [len(array) for array in arguments[1].values()]
            error = self.error_of_wide if threads > 1 else 0.0
            error += self.error_of_short if len(arguments[0]) == 1 else 0.0
            return [output + np.float32(error) for output in session.run(*arguments)]

        return Mock(run=run, get_inputs=session.get_inputs, get_outputs=session.get_outputs)


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch, tiny: Path, model_cache: Path) -> Sessions:
    export_model(str(tiny), model_cache)  # so that no export is made, which has a session
    sessions = Sessions()
    monkeypatch.setattr(onnx_network.onnxruntime, "InferenceSession", sessions.make)
    return sessions


def test_a_picture_without_finite_answer_is_named_and_refused(
    tiny: Path, model_cache: Path
) -> None:
    encoder = load_encoder(str(tiny), "cpu", "onnx", model_cache)
    good = encoder.prepare(sample_pictures()[0])

    with pytest.raises(UnusableOutput) as caught:
        encoder.forward([good, np.full_like(good, np.nan)])

    assert caught.value.rows == (1,)
    with pytest.raises(UnusableOutput) as caught:
        encoder.embed([np.full_like(good, np.nan), good])
    assert caught.value.rows == (0,)


def test_the_sample_pictures_have_the_spectrum_of_photos() -> None:
    for picture in sample_pictures():
        grey = picture.mean(axis=2)
        amplitudes = np.abs(np.fft.rfft2(grey))
        low, high = amplitudes[3:6, 3:6].mean(), amplitudes[60:80, 60:80].mean()
        assert 8 < low / high < 60  # 1/f: the frequencies are about 16 times apart
        assert grey.std() > 15


# --- which runtime -------------------------------------------------------------------------------


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtimes, "_may_have_gpu", lambda: False)


@pytest.mark.usefixtures("no_gpu")
@pytest.mark.parametrize("device", ["auto", "cpu", "cpu:0"])
def test_a_cpu_gets_onnx_runtime(tiny: Path, model_cache: Path, device: str) -> None:
    assert load_encoder(str(tiny), device, cache=model_cache).runtime == "onnx"


def test_a_gpu_gets_torch(tiny: Path, model_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtimes, "_may_have_gpu", lambda: True)
    monkeypatch.setattr("indexer.model.torch_encoder.finds_gpu", lambda: True)

    assert load_encoder(str(tiny), "auto", cache=model_cache).runtime == "torch"


def test_a_driver_without_a_gpu_gets_onnx_runtime(
    tiny: Path, model_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtimes, "_may_have_gpu", lambda: True)
    monkeypatch.setattr("indexer.model.torch_encoder.finds_gpu", lambda: False)

    assert load_encoder(str(tiny), "auto", cache=model_cache).runtime == "onnx"


def test_torch_can_be_forced(tiny: Path, model_cache: Path) -> None:
    assert load_encoder(str(tiny), "cpu", "torch", model_cache).runtime == "torch"


def test_without_a_cache_the_model_runs_on_torch(tiny: Path) -> None:
    assert load_encoder(str(tiny), "cpu").runtime == "torch"


def test_onnx_runtime_on_a_gpu_is_refused(tiny: Path, model_cache: Path) -> None:
    with pytest.raises(SettingsError, match=r"LOOKALIKE_RUNTIME=onnx .* 'cuda'"):
        load_encoder(str(tiny), "cuda", "onnx", model_cache)


def test_an_exported_model_starts_without_torch(tiny: Path, model_cache: Path) -> None:
    export_model(str(tiny), model_cache)
    code = (
        "import sys; from pathlib import Path; import numpy as np\n"
        "from indexer.model import load_encoder\n"
        f"encoder = load_encoder({str(tiny)!r}, 'cpu', cache=Path({str(model_cache)!r}))\n"
        "encoder.encode([np.zeros((30, 40, 3), np.uint8)])\n"
        "print(encoder.runtime, *{name.partition('.')[0] for name in sys.modules})"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    runtime, *modules = done.stdout.split()
    assert runtime == "onnx"
    assert not {"torch", "timm", "torchvision", "onnx", "onnxscript"} & set(modules)


# --- what is kept --------------------------------------------------------------------------------


@pytest.fixture
def exports(tiny: Path, model_cache: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Note which models are exported; all are tiny, and get its graph in place of their own."""
    _, export = export_model(str(tiny), model_cache)
    noted: list[Path] = []

    def noting(folder: ModelFolder) -> Export:
        noted.append(folder.path)
        return replace(export, card=load_encoder(str(folder.path), "cpu", "torch").card)

    monkeypatch.setattr(runtimes, "_export", noting)
    return noted


def test_a_model_is_exported_once(tiny: Path, cache: Path, exports: list[Path]) -> None:
    first = load_encoder(str(tiny), "cpu", cache=cache)
    again = load_encoder(str(tiny), "cpu", cache=cache)

    assert exports == [tiny]
    assert first.card == again.card


def test_the_parity_is_kept_with_the_export(tiny: Path, model_cache: Path) -> None:
    folder, export = export_model(str(tiny), model_cache)

    kept = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    assert export.parity is not None
    assert export.parity.holds
    assert kept["parity"]["cosine"] == export.parity.cosine >= MIN_COSINE
    assert kept["card"]["fingerprint"] == export.card.fingerprint
    assert (folder / GRAPH).read_bytes() == export.graph


def test_a_copy_of_the_model_uses_the_same_export_under_its_own_name(
    tiny: Path, own_tiny: Path, cache: Path, exports: list[Path]
) -> None:
    load_encoder(str(tiny), "cpu", cache=cache)

    assert load_encoder(str(own_tiny), "cpu", cache=cache).card.reference == str(own_tiny)
    assert exports == [tiny]


def change_a_weight(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    tensors["classifier.bias"][0] += 1e-3
    save_file(tensors, folder / "model.safetensors")


def rename_the_labels(folder: Path) -> None:
    edit_config(folder, label_names=["a", "b", "c"])


def change_the_preprocessing(folder: Path) -> None:
    edit_config(folder, pretrained={"crop_pct": 0.5})


@pytest.mark.parametrize("change", [change_a_weight, rename_the_labels, change_the_preprocessing])
def test_a_changed_model_is_exported_again(
    own_tiny: Path, cache: Path, exports: list[Path], change: Any
) -> None:
    load_encoder(str(own_tiny), "cpu", cache=cache)
    change(own_tiny)

    card = load_encoder(str(own_tiny), "cpu", cache=cache).card

    assert exports == [own_tiny] * 2
    assert card == load_encoder(str(own_tiny), "cpu", "torch").card


def flip_a_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 4] ^= 1  # of a manifest: in the hash of a file
    path.write_bytes(data)


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


@pytest.mark.parametrize("damage", [flip_a_bit, cut_short, Path.unlink])
@pytest.mark.parametrize("name", [GRAPH, MANIFEST])
def test_a_damaged_export_is_made_again(
    tiny: Path, model_cache: Path, cache: Path, exports: list[Path], name: str, damage: Any
) -> None:
    _, export = export_model(str(tiny), model_cache)
    kept = KeptExport(cache, resolve(str(tiny)))
    with kept.turn():
        kept.write(export)
    exports.clear()
    damage(kept.path / name)

    assert load_encoder(str(tiny), "cpu", cache=cache).runtime == "onnx"
    assert exports == [tiny]
    assert load_encoder(str(tiny), "cpu", cache=cache).runtime == "onnx"
    assert exports == [tiny]


@pytest.mark.usefixtures("exports")
def test_what_a_killed_export_left_behind_is_removed(tiny: Path, cache: Path) -> None:
    kept = KeptExport(cache, resolve(str(tiny)))
    rest = cache / f"unfinished-{kept.path.name}-0"
    rest.mkdir(parents=True)
    (rest / GRAPH).write_bytes(b"half")

    export_model(str(tiny), cache)

    assert {path.name for path in cache.iterdir()} == {kept.path.name, f"{kept.path.name}.lock"}


def test_two_that_need_an_export_at_once_make_it_once(
    tiny: Path, model_cache: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, export = export_model(str(tiny), model_cache)
    made: list[int] = []

    def slow(_folder: Any) -> Export:
        made.append(1)
        sleep(0.3)
        return export

    monkeypatch.setattr(runtimes, "_export", slow)
    gate = Barrier(4)

    def load() -> str:
        gate.wait()
        return load_encoder(str(tiny), "cpu", cache=cache).runtime

    with ThreadPoolExecutor(4) as threads:
        loaded = [threads.submit(load) for _ in range(4)]

    assert [future.result() for future in loaded] == ["onnx"] * 4
    assert len(made) == 1


# --- when it does not work -----------------------------------------------------------------------


FAILURES = {
    "results differ": Parity(pictures=8, probability_difference=0.002, cosine=0.99995),
    "non-finite output": UnusableOutput(rows=(0,), model="here"),
    "cannot be exported": torch.onnx.OnnxExporterError("aten::strange has no translation"),
}


@pytest.fixture(params=FAILURES)
def failure(
    request: pytest.FixtureRequest,
    tiny: Path,
    model_cache: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> str:
    """Make every export fail; return what the error says."""
    _, export = export_model(str(tiny), model_cache)
    outcome = FAILURES[request.param]
    steps = {"_to_onnx": Mock(return_value=export.graph), "compare": Mock()}
    step = steps["_to_onnx" if "exported" in request.param else "compare"]
    step.side_effect = [outcome]  # the second call would find no more
    for name, mock in steps.items():
        monkeypatch.setattr(onnx_export, name, mock)
    return str(request.param)


@pytest.mark.usefixtures("failure")
def test_a_model_that_does_not_export_runs_on_torch_and_is_not_tried_again(
    tiny: Path, cache: Path
) -> None:
    for _ in range(2):
        assert load_encoder(str(tiny), "cpu", cache=cache).runtime == "torch"


def test_a_model_that_does_not_export_is_refused_where_onnx_is_forced(
    tiny: Path, cache: Path, failure: str
) -> None:
    for _ in range(2):  # tried, then remembered
        with pytest.raises(UnexportableModel, match=rf"tiny.*{failure}.*LOOKALIKE_RUNTIME=torch"):
            load_encoder(str(tiny), "cpu", "onnx", cache)


@pytest.mark.parametrize(
    ("difference", "cosine", "holds"),
    [(1e-3, 0.9999, True), (1.1e-3, 1, False), (0, 0.99989, False), (float("nan"), 1, False)],
)
def test_parity_has_two_bounds(difference: float, cosine: float, holds: bool) -> None:
    assert Parity(8, difference, cosine).holds is holds


def test_a_cache_that_cannot_be_written_leaves_torch(
    tiny: Path, tmp_path: Path, exports: list[Path]
) -> None:
    (tmp_path / "file").write_bytes(b"in the way")

    assert load_encoder(str(tiny), "cpu", cache=tmp_path / "file").runtime == "torch"
    with pytest.raises(ExportNotWritten, match="LOOKALIKE_MODEL_CACHE"):
        load_encoder(str(tiny), "cpu", "onnx", tmp_path / "file")
    assert exports == []  # nothing was exported in vain


# --- the command ---------------------------------------------------------------------------------


@pytest.mark.long
def test_the_command_exports_and_says_how_close_it_is(tiny: Path, tmp_path: Path) -> None:
    index = Index(tmp_path, extra={"LOOKALIKE_MODEL_CACHE": str(tmp_path / "exports")})

    done = index.run("model", "export", "--model", tiny, "--json")

    said, folder = done.json, Path(done.json["folder"])
    assert [f"step {step} of 3" in done.stderr for step in (1, 2, 3)] == [True] * 3
    assert folder.parent == tmp_path / "exports"
    assert said["bytes"] == (folder / GRAPH).stat().st_size
    assert said["parity"]["cosine"] >= MIN_COSINE
    assert index.run_here("model", "export", "--model", tiny, "--json").json == said


@pytest.mark.usefixtures("exports")
def test_all_indexes_of_a_user_share_a_cache_that_others_cannot_read(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LOOKALIKE_MODEL_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    said = [
        Index(tmp_path / home).run_here("model", "export", "--model", tiny, "--json").json
        for home in ("one", "another")
    ]

    kept = tmp_path / "cache" / "lookalike" / "models"
    assert Path(said[0]["folder"]).parent == kept
    assert said[0] == said[1]
    assert kept.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("stated", ["", "relative/cache"])
def test_without_a_usable_cache_home_the_cache_is_beneath_the_users_home(
    stated: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LOOKALIKE_MODEL_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", stated)
    monkeypatch.setenv("HOME", "/somewhere")

    assert Settings().resolved_model_cache == Path("/somewhere/.cache/lookalike/models")


# --- the export that comes with the shipped model ------------------------------------------------


def test_the_package_holds_the_weights_once() -> None:
    graphs = list(resolve(SHIPPED_MODEL).path.rglob("*.onnx"))

    assert [path.name for path in graphs] == ["export.onnx"]
    assert graphs[0].stat().st_size < 300_000


@pytest.mark.parametrize("cached", [True, False])
def test_the_shipped_model_is_never_exported(
    cache: Path, monkeypatch: pytest.MonkeyPatch, *, cached: bool
) -> None:
    monkeypatch.setattr(runtimes, "_export", Mock(side_effect=AssertionError))

    encoder = load_encoder(SHIPPED_MODEL, "cpu", "onnx", cache if cached else None)

    assert encoder.runtime == "onnx"
    assert not cache.exists()


def test_init_needs_neither_torch_nor_an_export(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from search_api.cli import app\n"
        "app(['init'], standalone_mode=False)\n"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    index = Index(tmp_path / "home", extra={"LOOKALIKE_MODEL_CACHE": str(tmp_path / "cache")})

    done = subprocess.run(
        [sys.executable, "-c", code],
        env=index.environment,
        capture_output=True,
        text=True,
        check=True,
    )

    assert "is ready" in done.stdout
    assert not {"torch", "timm", "onnx", "cv2"} & set(done.stdout.split())
    assert not (tmp_path / "cache").exists()


@pytest.fixture
def own_shipped(tmp_path: Path) -> Path:
    """Copy the shipped model's folder."""
    return Path(shutil.copytree(resolve(SHIPPED_MODEL).path, tmp_path / "model"))


def test_a_copy_of_the_shipped_model_has_its_export_too(own_shipped: Path) -> None:
    export = read_packaged(resolve(str(own_shipped)))

    assert export is not None
    assert export.card.reference == str(own_shipped)


def change_the_recipe(path: Path) -> None:
    manifest = json.loads(path.read_bytes())
    path.write_text(json.dumps(manifest | {"recipe": 0}))


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        *product(("export.onnx", "export.json"), (flip_a_bit, cut_short, Path.unlink)),
        ("export.json", change_the_recipe),
        ("model.safetensors", flip_a_bit),
        ("descriptor.safetensors", flip_a_bit),
        ("config.json", cut_short),
    ],
)
def test_an_export_that_does_not_fit_its_model_is_not_used(
    own_shipped: Path, name: str, damage: Any
) -> None:
    damage(own_shipped / name)

    assert read_packaged(resolve(str(own_shipped))) is None


@pytest.mark.long
def test_the_shipped_export_is_what_the_documented_command_writes(own_shipped: Path) -> None:
    """Another version of the exporter may name things otherwise, so bytes are not compared."""
    (own_shipped / "export.onnx").unlink()

    written = package(resolve(str(own_shipped)))

    assert written.parity is not None
    assert written.parity.holds
    shipped = read_packaged(resolve(SHIPPED_MODEL))
    read = read_packaged(resolve(str(own_shipped)))
    assert shipped is not None
    assert read == replace(written, card=replace(shipped.card, reference=str(own_shipped)))
    assert len(read.graph) < 300_000
    assert str(Path(onnx_export.__file__).parent).encode() not in read.graph
