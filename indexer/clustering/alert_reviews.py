"""Alert reviews: clusters of a run that people are to look at."""

from indexer.clustering.alerts import AlertRules, find_alerts
from indexer.store import Store
from indexer.types import (
    Alert,
    AlertKind,
    ClusterRun,
    NewReviewItem,
    QueueKind,
    ReviewEvidence,
    RunState,
)


def review_alerts(store: Store, run: ClusterRun) -> None:
    """Make a review item of each cluster that a finished run alerts of.

    A cluster that hits a bank and grows makes one item, for the bank.

    Parameters
    ----------
    store : Store
        One that joins the transaction in which the run is finished: a run that is seen has its
        items.
    run : ClusterRun
    """
    if run.state is not RunState.DONE:
        return
    first: dict[int, Alert] = {}
    for alert in find_alerts(store, AlertRules(), run.id):  # hits of banks come first
        if alert.kind is not AlertKind.DRIFT:
            first.setdefault(alert.cluster_id, alert)
    if first:
        with store.writer() as writer:
            writer.reviews.add([_item(alert) for alert in first.values()])


def _item(alert: Alert) -> NewReviewItem:
    evidence = ReviewEvidence(message=alert.message, count=alert.size, expected=alert.before)
    return NewReviewItem(
        QueueKind.CLUSTER_ALERT, evidence, cluster_id=alert.cluster_id, bank=alert.bank
    )
