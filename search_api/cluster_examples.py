"""The examples of what the OpenAPI document says of clusters."""

from search_api.examples import SPACE

RUN = {
    "id": 12,
    "algorithm": "hdbscan",
    "parameters": {"max_link": 0.3, "min_cluster_size": 5, "min_samples": 5, "seed": 0},
    "scope": {
        "banks": [],
        "label": None,
        "min_probability": None,
        "since": "2026-11-01T00:00:00Z",
        "until": None,
        "uploader": None,
    },
    "model": SPACE,
    "watermark": 90210,
    "previous_run": 9,
    "state": "done",
    "images": 4211,
    "clusters": 37,
    "noise": 1630,
    "created_at": "2026-11-25T09:30:00Z",
    "finished_at": "2026-11-25T09:30:04Z",
}
RUN_BEGUN = RUN | {"state": "running", "images": 0, "clusters": 0, "noise": 0, "finished_at": None}
RUN_CANCELLED = RUN_BEGUN | {"state": "cancelled", "finished_at": "2026-11-25T09:30:02Z"}
REFRESH = {"run": RUN_BEGUN, "how": "clustered", "assigned": 0}
RUN_REQUEST = {
    "algorithm": "hdbscan",
    "scope": {"since": "2026-11-01T00:00:00Z"},
    "parameters": {"min_cluster_size": 5},
    "since_last": True,
}
CLUSTER = {
    "id": 31,
    "run_id": 12,
    "name": "statues",
    "note": None,
    "size": 212,
    "medoid": 4211,
    "exemplars": [4211, 3977, 4102],
    "radius": 0.1873,
    "max_pair_distance": 0.2904,
    "first_seen": "2026-11-03T08:12:00Z",
    "last_seen": "2026-11-25T07:40:00Z",
    "growth_per_day": 14.5,
}
MEMBER = {
    "image_id": 4211,
    "cluster_id": 31,
    "probability": 1.0,
    "outlier_score": 0.0113,
    "assigned": False,
}
LINEAGE = {
    "id": 88,
    "run_id": 12,
    "event": "merged",
    "cluster_id": 28,
    "other_id": 31,
    "shared": 40,
    "size_before": 41,
    "size_after": 0,
}
ALERT = {
    "kind": "growth",
    "run_id": 12,
    "cluster_id": 31,
    "name": "statues",
    "size": 212,
    "before": 80.0,
    "now": 212.0,
    "bank": None,
    "message": "Cluster 31 (statues) grew from 80 to 212 images (run 9 to 12).",
}
LABEL_ACTION = {
    "id": 5,
    "cluster_id": 31,
    "run_id": None,
    "kind": "label",
    "detail": {"name": "statues", "before": "cluster-31"},
    "created_at": "2026-11-25T09:40:00Z",
    "undone_at": None,
}
BANK_ACTION = {
    "id": 6,
    "cluster_id": 31,
    "run_id": 12,
    "kind": "bank",
    "detail": {
        "bank": "known-unsafe",
        "min_probability": 0.5,
        "members": 180,
        "new_entries": 171,
    },
    "created_at": "2026-11-25T09:41:00Z",
    "undone_at": None,
}
UNDONE_ACTION = BANK_ACTION | {"undone_at": "2026-11-25T09:52:00Z"}
DECISION_ACTION = BANK_ACTION | {
    "id": 7,
    "kind": "decision",
    "detail": {
        "outcome": "rejected",
        "bank": "known-benign",
        "min_probability": 0.0,
        "members": 212,
        "decisions": 96,
        "unchanged": 3,
        "new_entries": 212,
        "analyst": "jo",
        "note": "statues",
    },
}
EDITED = {"cluster": CLUSTER, "actions": [LABEL_ACTION]}
