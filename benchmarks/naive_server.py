"""The server that one writes in an afternoon: FastAPI, PIL, timm, FAISS, each with its defaults.

Its FAISS index holds random unit vectors of the model's length, as many as asked for. Prints its
URL when it listens.
"""

import argparse
import socket
from collections.abc import Callable
from io import BytesIO
from typing import Annotated, Any

import faiss
import numpy as np
import uvicorn
from fastapi import FastAPI, UploadFile
from numpy.typing import NDArray
from PIL import Image

from ingest import one_pass, plain_model

Run = Callable[[bytes], tuple[NDArray[np.float32], NDArray[np.float32]]]


def with_torch() -> Run:
    """Run the model as timm's own example does."""
    import torch

    model, transform = plain_model()

    def run(data: bytes) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        with Image.open(BytesIO(data)) as image, torch.inference_mode():
            probabilities, embedding = one_pass(model, transform(image.convert("RGB"))[None])
            return probabilities.numpy(), embedding.numpy()

    return run


def with_onnx() -> Run:
    """Run our export of it in one session of ONNX Runtime with its defaults."""
    import onnxruntime

    from indexer.model import export_model
    from indexer.settings import SHIPPED_MODEL, load_settings

    _, transform = plain_model()
    export = export_model(SHIPPED_MODEL, load_settings().resolved_model_cache)[1]
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry(
        "session.model_external_initializers_file_folder_path", str(export.weights)
    )
    session = onnxruntime.InferenceSession(
        export.graph, options, providers=["CPUExecutionProvider"]
    )

    def run(data: bytes) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        with Image.open(BytesIO(data)) as image:
            pixels = transform(image.convert("RGB"))[None].numpy()
        logits, embedding, *_ = session.run(None, {"pixels": pixels})
        return logits, embedding

    return run


def make_app(run: Run, count: int) -> FastAPI:
    """Return the application."""
    noise = np.zeros((64, 64, 3), np.uint8)
    buffer = BytesIO()
    Image.fromarray(noise).save(buffer, "PNG")
    dimension = run(buffer.getvalue())[1].shape[1]
    vectors = np.random.default_rng(0).standard_normal((count, dimension)).astype(np.float32)
    faiss.normalize_L2(vectors)
    index = faiss.IndexFlatIP(dimension)
    index.add(vectors)
    app = FastAPI()

    @app.post("/search")
    def search(image: Annotated[UploadFile, ...]) -> dict[str, Any]:
        probabilities, embedding = run(image.file.read())
        embedding = np.ascontiguousarray(embedding / np.linalg.norm(embedding))
        similarities, rows = index.search(embedding, 10)
        return {
            "query": image.filename,
            "probabilities": probabilities[0].tolist(),
            "matches": [
                {"row": int(row), "similarity": float(similarity)}
                for row, similarity in zip(rows[0], similarities[0], strict=True)
            ],
        }

    return app


def main() -> None:
    """Serve until stopped."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runtime", choices=["torch", "onnx"])
    parser.add_argument("--count", type=int, default=2000, help="vectors in the index")
    arguments = parser.parse_args()
    app = make_app(with_torch() if arguments.runtime == "torch" else with_onnx(), arguments.count)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(128)
        print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
        uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listener])


if __name__ == "__main__":
    main()
