"""Picture sweep: forgets the pictures of uploads that nobody reviews any more."""

from datetime import timedelta
from typing import Final

from indexer.reviews.upload_reviews import forget_uploads
from indexer.store import Store
from search_api.jobs.periodic import PeriodicTask

_INTERVAL: Final = 60.0  # seconds


def sweep_pictures(store: Store, undo: timedelta) -> PeriodicTask:
    """Return what forgets them every minute; `undo` is how long a decision can be taken back."""
    return PeriodicTask(
        lambda: forget_uploads(store, undo),
        name="picture-sweep",
        interval=min(_INTERVAL, max(undo.total_seconds(), 1.0)),
        doing="forgetting pictures of uploads",
    )
