"""Pictures known by signals: hash them, look signals up, keep what other consoles hold as content.

A signal is a fingerprint or an embedding written as text, each of one type. How to add a type:
`indexer.signals.registry`.
"""

from indexer.signals.coin import flip
from indexer.signals.contents import Contents
from indexer.signals.freshness import Freshness, freshness
from indexer.signals.hashed import HashedPicture
from indexer.signals.lookup import SignalMatch, Signals
from indexer.signals.signal_type import SignalType

__all__ = [
    "Contents",
    "Freshness",
    "HashedPicture",
    "SignalMatch",
    "SignalType",
    "Signals",
    "flip",
    "freshness",
]
