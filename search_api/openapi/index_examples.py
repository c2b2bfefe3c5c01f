"""Examples of the OpenAPI document about banks, spaces and the index as a whole."""

from search_api.openapi.examples import PDQ, PROBABILITIES, SPACE

FLOOD = {
    "id": 3,
    "entry_id": 17,
    "bank": "known-unsafe",
    "flagged_at": "2026-11-25T09:42:10Z",
    "window_start": "2026-11-25T09:00:00Z",
    "hits": 412,
    "expected": 6.25,
    "state": "open",
    "resolved_at": None,
}
BANK = {
    "id": 3,
    "name": "known-unsafe",
    "kind": "block",
    "created_at": "2026-11-23T09:00:00Z",
    "entry_count": 812,
    "enabled": True,
    "category": "spam",
    "severity": "high",
    "notes": None,
    "owner": "Ana",
}
ENTRY = {
    "id": 17,
    "bank": "known-unsafe",
    "kind": "block",
    "image_id": 4211,
    "fingerprint": None,
    "source": None,
    "external_id": None,
    "notes": None,
    "labels": [],
    "disabled_until": None,
    "disabled_reason": None,
    "created_at": "2026-11-23T09:30:00Z",
}
BARE_ENTRY = ENTRY | {
    "id": 18,
    "image_id": None,
    "fingerprint": {"kind": "pdq", "value": PDQ},
    "notes": "from a partner",
}
REMOVED_BANK = {"bank": "known-unsafe", "entries": 812}
REMOVED_ENTRY = {"entry_id": 17, "bank": "known-unsafe"}
DISABLED_ENTRY = ENTRY | {
    "disabled_until": "2027-01-31T18:00:00Z",
    "disabled_reason": "by hand",
}
SPACE_SUMMARY = {
    "id": 1,
    "fingerprint": SPACE,
    "kind": "copy",
    "model": "shipped",
    "dimension": 512,
    "active": True,
    "embedded": 4211,
    "images": 4211,
    "vectors": 4223,
    "vector_bytes": 8648704,
    "threshold_cards": 1,
    "semantic_space_id": 2,
    "created_at": "2026-11-25T09:30:00Z",
    "activated_at": "2026-11-25T09:30:00Z",
}
STATUS = {
    "home": "/var/lib/lookalike",
    "database": "sqlite:////var/lib/lookalike/lookalike.db",
    "database_bytes": 90112,
    "views_bytes": 40960,
    "space": {
        "id": 1,
        "fingerprint": SPACE,
        "model": "shipped",
        "dimension": 512,
        "labels": list(PROBABILITIES),
        "classifier": None,
    },
    "counts": {
        "images": 4211,
        "parts": 12,
        "sources": 4300,
        "embeddings": 4211,
        "embeddings_by_space": {SPACE: 4223},
        "banks": 1,
        "entries": 812,
        "purged": 0,
        "quarantined": 2,
        "quarantined_by_code": {"unreadable_image": 2},
        "changes": 90210,
    },
    "banks": [BANK],
    "views": [
        {
            "name": "pdq",
            "watermark": 90000,
            "lag": 210,
            "vectors": 4200,
            "snapshots": 2,
            "written_at": "2026-11-25T09:30:00Z",
            "byte_size": 40960,
            "codes": None,
            "recall": None,
            "has_refused_lists": False,
            "memory_bytes": 20480,
            "mapped_bytes": 0,
        }
    ],
    "engines": [
        {
            "address": "qdrant://vectors.example:6333",
            "collection": "lookalike_0f7c1a52f0b6_9f2b6f6f0f9a4d3c",
            "state": "active",
            "watermark": 90210,
            "lag": 0,
            "vectors": 4200,
            "recall": 0.998,
        }
    ],
}
