"""What adapters take for granted of private interfaces of libraries (docs/adr/0008).

Beyond these: tests/test_clustering.py holds clusters against scikit-learn's own, test_connection.py
and test_connections.py a server's deadlines, test_pdq.py hashes against `pdqhash.compute`.
"""

import asyncio

import numpy as np
import uvicorn
from pdqhash import bindings
from sklearn.cluster._hdbscan._linkage import MST_edge_dtype, make_single_linkage
from sklearn.cluster._hdbscan._tree import _condense_tree, tree_to_labels
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from indexer.images.pdq import _functions

RECORD = "see docs/adr/0008-private-interfaces.md"


def test_scikit_learn_makes_clusters_of_a_spanning_tree() -> None:
    edges = np.empty(7, MST_edge_dtype)  # two families of four
    edges["current_node"] = [0, 1, 2, 4, 5, 6, 3]
    edges["next_node"] = [1, 2, 3, 5, 6, 7, 4]
    edges["distance"] = [0.1, 0.1, 0.1, 0.2, 0.2, 0.2, 0.9]

    tree = make_single_linkage(edges)
    labels, probabilities = tree_to_labels(tree, min_cluster_size=3)
    condensed = _condense_tree(tree, 3)

    where = f"sklearn.cluster._hdbscan has changed: mend indexer/clustering/hdbscan.py, {RECORD}"
    assert tree.dtype.names == ("left_node", "right_node", "value", "cluster_size"), where
    assert tree["value"].tolist() == edges["distance"].tolist(), where
    assert labels.tolist() == [0] * 4 + [1] * 4 or labels.tolist() == [1] * 4 + [0] * 4, where
    assert len(probabilities) == len(labels), where
    assert {"parent", "child", "value", "cluster_size"} == {*condensed.dtype.names}, where


def test_uvicorn_has_what_our_connection_overrides_and_reads() -> None:
    where = f"uvicorn has changed: mend search_api/process/http_protocol.py, {RECORD}"
    overridden = (
        "connection_made connection_lost data_received send_400_response on_message_begin "
        "on_headers_complete on_body on_message_complete on_response_complete pause_writing "
        "resume_writing _start_asgi_task"
    )
    for name in overridden.split():
        assert callable(getattr(HttpToolsProtocol, name, None)), f"{name}: {where}"

    async def attributes() -> set[str]:
        config = uvicorn.Config(lambda: None, log_config=None)
        config.load()
        return {*vars(HttpToolsProtocol(config, ServerState(), {}))}

    read = {"loop", "timeout_keep_alive", "pipeline", "cycle", "transport", "flow", "client"}
    assert read <= asyncio.run(attributes()), where
    of_cycle = {*RequestResponseCycle.__init__.__code__.co_names}
    assert {"transport", "more_body", "keep_alive", "response_complete"} <= of_cycle, where


def test_pdqhash_shows_its_functions() -> None:
    where = f"{bindings.__name__} has changed: mend indexer/images/pdq.py, {RECORD}"
    assert _functions() is not None, where
