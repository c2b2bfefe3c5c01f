"""Signals of pictures: hashes and embeddings as text, looked up and kept as HMA's contents.

A signal is a fingerprint or an embedding written as text, each of one type. How to add a type:
`indexer.signals.registry`.
"""

from indexer.signals.bank_sampling import flip
from indexer.signals.contents import Contents
from indexer.signals.hashed_picture import HashedPicture
from indexer.signals.index_lag import IndexLag, measure_lag
from indexer.signals.lookup import SignalMatch, Signals
from indexer.signals.signal_type import SignalType

__all__ = [
    "Contents",
    "HashedPicture",
    "IndexLag",
    "SignalMatch",
    "SignalType",
    "Signals",
    "flip",
    "measure_lag",
]
