"""Examples of the OpenAPI document about clusters."""

from search_api.openapi.examples import SPACE

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
    "top_class": {"name": "Neutral", "images": 198},
    "top_source": {"name": "/data/uploads", "images": 180},
    "medoid": 4211,
    "exemplars": [4211, 3977, 4102],
    "radius": 0.1873,
    "max_pair_distance": 0.2904,
    "first_seen": "2026-11-03T08:12:00Z",
    "last_seen": "2026-11-25T07:40:00Z",
    "growth_per_day": 14.5,
    "growth_per_hour": None,
}
MEMBER = {
    "image_id": 4211,
    "cluster_id": 31,
    "probability": 1.0,
    "outlier_score": 0.0113,
    "assigned": False,
    "source": "/data/uploads/statue.jpg",
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
    "per_hour": 18.9,
    "message": "Cluster 31 (statues) grew from 80 to 212 images, 19 an hour (run 9 to 12).",
}
ALERTS = {"items": [ALERT], "next_cursor": None, "not_compared": None}
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
_COUNTS = {"weak": 0, "removed": 0, "suppressed": 0}
LABEL_PREVIEW = _COUNTS | {
    "kind": "label",
    "cluster_id": 31,
    "run_id": None,
    "detail": LABEL_ACTION["detail"],
}
BANK_PREVIEW = _COUNTS | {
    "kind": "bank",
    "cluster_id": 31,
    "run_id": 12,
    "detail": BANK_ACTION["detail"],
    "weak": 32,
    "removed": 2,
}
DECISION_PREVIEW = BANK_PREVIEW | {
    "kind": "decision",
    "detail": DECISION_ACTION["detail"],
    "weak": 0,
    "suppressed": 3,
}
EDITED = {"cluster": CLUSTER, "actions": [LABEL_ACTION]}
_SOURCES = {
    "top": [{"name": "/data/uploads", "images": 2}],
    "others": 0,
    "images_of_others": 0,
    "unknown": 0,
}
_GROWTH = [{"day": "2026-11-03", "added": 1}, {"day": "2026-11-25", "added": 1}]
_MEDOID = {
    "image_id": 4211,
    "source": "/data/uploads/0007.jpg",
    "distance": 0.0,
    "outlier_score": 0.0113,
    "thumbnail": None,
}
_PLACE = _MEDOID | {"image_id": 3977, "source": "/data/uploads/0003.jpg", "distance": 0.1873}
REPORT = {
    "run": RUN | {"images": 2, "clusters": 1, "noise": 0},
    "model": "shipped",
    "made_at": "2026-11-25T10:00:00Z",
    "version": "0.1.0",
    "summary": {
        "images": 2,
        "clusters": 1,
        "noise": 0,
        "assigned": 0,
        "removed": 0,
        "first_seen": "2026-11-03T08:12:00Z",
        "last_seen": "2026-11-25T07:40:00Z",
        "events": {"grown": 1},
        "changes": [
            {
                "event": "grown",
                "cluster_id": 31,
                "name": "statues",
                "other_id": None,
                "other_name": None,
                "size_before": 1,
                "size_after": 2,
            }
        ],
        "changed_parameters": None,
        "alerts": [ALERT | {"size": 2, "before": 1.0, "now": 2.0}],
        "within": [{"distance": 0.1, "images": 1, "clusters": 0}],
        "growth": _GROWTH,
        "hours": [],
        "alternatives": [
            {"parameter": "max_link", "value": 0.3, "clusters": 1, "images": 2, "of_run": True}
        ],
    },
    "clusters": [
        {
            "id": 31,
            "name": "statues",
            "note": None,
            "size": 2,
            "growth_per_day": 0.5,
            "growth_per_hour": None,
            "growth": _GROWTH,
            "hours": [],
            "first_seen": "2026-11-03T08:12:00Z",
            "last_seen": "2026-11-25T07:40:00Z",
            "event": "grown",
            "size_before": 1,
            "classes": [{"name": "Neutral", "images": 2}],
            "banks": [{"bank": "known-unsafe", "kind": "block", "severity": "high", "members": 1}],
            "nearest_entries": [
                {
                    "entry_id": 17,
                    "bank": "known-unsafe",
                    "image_id": 4211,
                    "similarity": 1.0,
                    "tier": "near_duplicate",
                }
            ],
            "sources": _SOURCES,
            "uploaders": _SOURCES | {"top": [], "unknown": 2},
            "radius": 0.1873,
            "max_pair_distance": 0.1873,
            "mean_distance": 0.0936,
            "within": [{"distance": 0.1, "images": 1, "clusters": 0}],
            "medoid": _MEDOID,
            "exemplars": [_PLACE],
            "outliers": [_PLACE],
        }
    ],
    "members": {
        "image_ids": [3977, 4211],
        "cluster_ids": [31, 31],
        "probabilities": [0.8, 1.0],
        "outlier_scores": [0.0113, 0.0113],
        "distances": [0.1873, 0.0],
        "assigned": [False, False],
        "x": [0.1, 0.2],
        "y": [-0.3, -0.2],
        "added_at": ["2026-11-03T08:12:00Z", "2026-11-25T07:40:00Z"],
        "labels": ["Neutral", "Neutral"],
        "sources": ["/data/uploads/0003.jpg", "/data/uploads/0007.jpg"],
        "uploaders": [None, None],
        "neighbours": None,
    },
    "map": {"made_at": "2026-11-03T09:00:00Z", "images": 4211, "landmarks": 4198},
}
