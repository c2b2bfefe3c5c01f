"""Exports for other programs, and the client in TypeScript."""

import hashlib
import json
import shutil
import subprocess
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import expect

from indexer.errors import InputError, UnexportableModel
from indexer.model import ExportFormat, ModelCard, export_portable, load_encoder
from indexer.model.parity import Parity
from indexer.model.portable_export import PortableExport
from indexer.model.preprocessing import Preprocessor
from indexer.settings import SHIPPED_MODEL
from support.browser import open_tab, running_browser
from support.commands import PHOTOS, Index
from support.extent import extent
from support.models import make_tiny

CLIENT = Path(__file__).parents[1] / "clients" / "node"
PAGE = CLIENT.parent / "browser" / "dist"
NODE = shutil.which("node") or "node"
SOME = [PHOTOS / f"{name}.jpg" for name in ("koala", "camels", "coffee", "lone-tree-in-desert")]


def pixels(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> PortableExport:
    folder = tmp_path_factory.mktemp("exports") / "onnx"
    return export_portable(SHIPPED_MODEL, ExportFormat.ONNX, folder, [pixels(p) for p in SOME])


def test_a_graph_in_onnx_gives_finished_answers_and_describes_itself(
    exported: PortableExport,
) -> None:
    described = json.loads((exported.folder / "model.json").read_text())
    graph = exported.folder / described["graph"]
    [inside] = onnx.load(graph).metadata_props

    assert exported.parity.pictures == len(SOME)
    assert exported.parity.probability_difference <= 1e-4
    assert exported.parity.cosine >= 0.9999
    assert hashlib.sha256(graph.read_bytes()).hexdigest() == described["sha256"]
    assert json.loads(inside.value) == {k: v for k, v in described.items() if k != "sha256"}
    assert described["labels"] == ["Drawing", "Hentai", "Neutral", "Porn", "Sexy"]
    card = load_encoder(SHIPPED_MODEL).card
    assert described["embeddings"]["embedding"]["fingerprint"] == card.fingerprint


@pytest.mark.parametrize(
    "form",
    [pytest.param(ExportFormat.PT2, marks=pytest.mark.long), ExportFormat.TORCHSCRIPT],
)
def test_torch_s_formats_answer_for_any_number_of_pictures(
    form: ExportFormat, tmp_path: Path
) -> None:
    model = make_tiny(tmp_path / "model")
    written = export_portable(str(model), form, tmp_path / "out", [])
    encoder = load_encoder(str(model))
    prepared = np.stack([encoder.prepare(pixels(path)) for path in SOME[:3]])
    path = str(written.folder / written.graph)
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch would rather have torch.export
        module = torch.export.load(path).module() if form == "pt2" else torch.jit.load(path)
        probabilities, embeddings = module(torch.from_numpy(prepared))[:2]

    expected = encoder.forward(prepared)
    assert written.parity.probability_difference <= 1e-4
    assert np.allclose(probabilities.numpy(), expected.probabilities, atol=1e-5)
    assert np.allclose(embeddings.numpy(), expected.embeddings, atol=1e-5)


@pytest.mark.long
def test_int8_is_calibrated_on_photos_and_says_how_far_it_is_off(tmp_path: Path) -> None:
    model = make_tiny(tmp_path / "model")
    photos = [pixels(path) for path in sorted(PHOTOS.glob("*.jpg"))[:32]]
    written = export_portable(str(model), ExportFormat.INT8, tmp_path / "out", photos)
    whole = export_portable(str(model), ExportFormat.ONNX, tmp_path / "whole", [])

    graph = onnx.load(written.folder / written.graph)
    assert {"QuantizeLinear", "DequantizeLinear"} <= {node.op_type for node in graph.graph.node}
    assert written.bytes < whole.bytes
    assert written.parity.pictures == 32
    assert 0 < written.parity.probability_difference < 1


def test_int8_without_photos_and_a_folder_that_exists_are_refused(tmp_path: Path) -> None:
    model = str(make_tiny(tmp_path / "model"))
    with pytest.raises(InputError, match="at least 32 images, and there are 0"):
        export_portable(model, ExportFormat.INT8, tmp_path / "out", [])
    with pytest.raises(InputError, match="exists"):
        export_portable(model, ExportFormat.ONNX, tmp_path, [])

    assert not (tmp_path / "out").exists()


def test_an_export_that_answers_otherwise_is_refused_and_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("indexer.model.portable_export._compare", lambda *_: Parity(1, 0.01, 0.99))
    with pytest.raises(UnexportableModel, match=r"a probability by 0\.01"):
        export_portable(
            str(make_tiny(tmp_path / "model")), ExportFormat.TORCHSCRIPT, tmp_path / "out", []
        )

    assert not (tmp_path / "out").exists()


def test_the_command_writes_and_reports_an_export(tmp_path: Path) -> None:
    model, photos = make_tiny(tmp_path / "model"), tmp_path / "photos"
    photos.mkdir()
    shutil.copy(SOME[0], photos)
    (photos / "notes.jpg").write_text("no image")
    index = Index(tmp_path / "home")
    options = ["--model", model, "--out", tmp_path / "out", "--photos", photos]
    done = index.run_here("model", "export", *options, "--format", "torchscript")
    refused = index.end_here("model", "export", "--format", "pt2")

    assert "1 image: probabilities differ by at most" in done.stdout
    assert "notes.jpg" in done.stderr
    assert (tmp_path / "out" / "model.json").exists()
    assert (refused.code, "need --out FOLDER" in refused.stderr) == (2, True)


# --- the client in TypeScript --------------------------------------------------------------------


def run_client(*arguments: object, code: int = 0) -> tuple[list[dict[str, object]], str]:
    done = subprocess.run(
        [NODE, CLIENT / "dist" / "cli.js", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == code, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def test_the_client_prints_the_numbers_of_the_index_s_own_model(
    exported: PortableExport, tmp_path: Path
) -> None:
    odd = make_odd(tmp_path / "odd.png")
    answers, _ = run_client(exported.folder, *SOME, odd)

    index = Index(tmp_path / "home")
    for path, answer in zip([*SOME, odd], answers, strict=True):
        own = index.run_here("classify", path, "--json").json
        assert answer["model"] == own["model"]
        assert answer["probabilities"] == pytest.approx(own["probabilities"], abs=1e-4)
    encoder = load_encoder(SHIPPED_MODEL)
    for path, answer in zip(SOME, answers, strict=False):
        [embedding] = encoder.encode([pixels(path)]).embeddings
        assert cosine(answer["embeddings"], embedding) >= 0.9999


def make_odd(path: Path) -> Path:
    """Write a picture that is transparent, and turned by its EXIF orientation."""
    with Image.open(SOME[0]) as photo:
        turned = photo.convert("RGBA")
        turned.putalpha(128)
        exif = Image.Exif()
        exif[0x0112] = 6
        turned.save(path, exif=exif)
    return path


def cosine(embeddings: object, own: NDArray[np.float32]) -> float:
    assert isinstance(embeddings, dict)
    return float(np.dot(embeddings["embedding"], own))


@pytest.mark.parametrize("mode", ["squash", "center", "border"])
def test_the_client_prepares_pixels_as_the_index_does(mode: str, tmp_path: Path) -> None:
    card = replace(
        load_encoder(SHIPPED_MODEL).card,
        crop_pct=0.9,
        crop_mode=mode,
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
    )
    random = np.random.default_rng(0)
    sizes = extent([(300, 500), (40, 37)], [(300, 500), (500, 120), (40, 37)])
    asked = [
        (replace(card, interpolation=each), random.integers(0, 256, (*size, 3), np.uint8))
        for each in ("bilinear", "bicubic", "lanczos")
        for size in sizes
    ]

    for (how, rgb), got in zip(asked, prepared_by_client(asked, tmp_path), strict=True):
        assert np.array_equal(got, Preprocessor(how)(rgb)), (how.interpolation, rgb.shape)


def prepared_by_client(
    asked: Sequence[tuple[ModelCard, NDArray[np.uint8]]], folder: Path
) -> NDArray[np.float32]:
    script, out = folder / "prepare.mjs", folder / "out"
    tasks = []
    for number, (how, rgb) in enumerate(asked):
        path = folder / str(number)
        path.write_bytes(rgb.tobytes())
        tasks.append({"path": str(path), "shape": rgb.shape, "how": asdict(how)})
    (folder / "tasks.json").write_text(json.dumps(tasks))
    script.write_text(
        f"""
import {{ appendFileSync, readFileSync }} from "node:fs";
import {{ preprocess }} from "{CLIENT.as_uri()}/dist/preprocessing.js";
for (const {{ path, shape, how }} of JSON.parse(readFileSync("{folder}/tasks.json", "utf8"))) {{
  const [height, width, channels] = shape;
  const data = new Uint8Array(readFileSync(path));
  const planes = preprocess({{ width, height, channels, data }}, how);
  appendFileSync("{out}", Buffer.from(planes.buffer));
}}
"""
    )
    subprocess.run([NODE, script], check=True, timeout=60)
    return np.fromfile(out, np.float32).reshape(-1, 3, 224, 224)


def test_the_client_refuses_another_graph_and_goes_on_after_an_unreadable_image(
    exported: PortableExport, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"no image")
    answers, said = run_client(exported.folder, bad, SOME[0], code=2)
    copy = tmp_path / "copy"
    shutil.copytree(exported.folder, copy)
    with (copy / exported.graph).open("ab") as file:
        file.write(b"\0")
    _, refused = run_client(copy, SOME[0], code=2)

    assert [answer["query"] for answer in answers] == [str(SOME[0])]
    assert str(bad) in said
    assert "has SHA-256" in refused


# --- the example in the browser ------------------------------------------------------------------


class _Silent(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def site_of(folder: Path) -> Iterator[str]:
    """Serve a folder on loopback."""
    handler = partial(_Silent, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.long
def test_the_page_prints_the_numbers_of_the_index_s_own_model_and_asks_no_other_host(
    exported: PortableExport, tmp_path: Path
) -> None:
    assert PAGE.exists(), "build clients/browser first: make clients/browser/dist/page.js"
    site = tmp_path / "site"
    shutil.copytree(PAGE, site)
    shutil.copytree(exported.folder, site / "exported")
    files = [*SOME, make_odd(tmp_path / "odd.png")]
    with site_of(site) as url, running_browser() as browser, open_tab(browser, url) as tab:
        tab.page.goto("/index.html")
        expect(tab.page.locator("#state")).to_have_text("Ready")
        tab.page.set_input_files("#pictures", files)
        expect(tab.page.locator("#state")).to_have_text("Done")
        printed = tab.page.locator("#answers").inner_text()

    assert (tab.complaints, tab.foreign) == ([], [])
    answers = [json.loads(line) for line in printed.splitlines()]
    by_node, _ = run_client(exported.folder, *files)
    encoder = load_encoder(SHIPPED_MODEL)
    own = encoder.encode([pixels(path) for path in SOME])
    for answer, node, path in zip(answers, by_node, files, strict=True):
        assert answer["query"] == path.name
        assert answer["model"] == node["model"] == encoder.card.fingerprint
        assert answer["probabilities"] == pytest.approx(node["probabilities"], abs=1e-4)
        assert cosine(answer["embeddings"], np.array(node["embeddings"]["embedding"])) >= 0.9999
    for answer, probabilities, embedding in zip(
        answers, own.probabilities, own.embeddings, strict=False
    ):
        assert list(answer["probabilities"].values()) == pytest.approx(probabilities, abs=1e-4)
        assert cosine(answer["embeddings"], embedding) >= 0.9999
