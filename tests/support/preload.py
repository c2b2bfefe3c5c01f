"""What processes of tests have loaded when they begin: they are forked from one that imports this.

It looks for no garbage meanwhile, which would take a third of the time: all of it stays.
"""

import gc
from importlib import import_module

from PIL import Image

gc.disable()
for _name in (
    "psycopg",
    "pytest",  # a child imports the main module of the test run
    "timm",
    "torch",
    "indexer.cli.index_add",
    "indexer.matching",
    "indexer.model.torch_encoder",
    "indexer.verification.geometry",
    "indexer.verification.local_features",
    "search_api.cli",
    "search_api.process.server",
    "support.forked",
):
    import_module(_name)
import_module("support.serving").share_routes()
Image.init()  # loads the plugins, which each child would load again
gc.freeze()
gc.enable()
