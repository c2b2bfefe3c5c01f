"""Examples of the OpenAPI document for reviews; a test validates them against the schemas."""

from search_api.openapi.examples import SHA256

REVEAL = {
    "id": 7,
    "person": "key 3",
    "name": "jo",
    "image_id": 4211,
    "review_id": None,
    "reason": "The veil hides the face.",
    "created_at": "2026-11-30T09:30:00Z",
    "expires_at": "2026-11-30T09:33:00Z",
    "ended_at": None,
    "seconds": None,
}
OPENED = {"reveal": REVEAL, "picture": "/v1/reveals/7/picture"}
ENDED = {**REVEAL, "ended_at": "2026-11-30T09:30:04Z", "seconds": 4.2}

ITEM = {
    "id": 41,
    "queue": "retro_match",
    "state": "open",
    "query_sha256": SHA256,
    "image_id": 4211,
    "flood_id": None,
    "cluster_id": None,
    "entry_id": 17,
    "match_image_id": 97,
    "bank": "known-unsafe",
    "severity": "high",
    "evidence": {
        "message": None,
        "tier": "near_duplicate",
        "decided_by": "pdq",
        "signals": [
            {
                "signal": "pdq",
                "unit": "bits",
                "value": 6.0,
                "threshold": 31.0,
                "threshold_low": 29.0,
                "threshold_high": 32.0,
                "threshold_source": "card 7",
                "threshold_card": 7,
            },
            {
                "signal": "embedding",
                "unit": "cosine",
                "value": 0.9712,
                "threshold": None,
                "threshold_low": None,
                "threshold_high": None,
                "threshold_source": None,
                "threshold_card": None,
            },
        ],
        "contributions": [{"signal": "pdq", "value": 6.0, "log_odds": 25.2}],
        "nearest": [
            {
                "tier": "none",
                "bank": "known-unsafe",
                "entry_id": 18,
                "image_id": 98,
                "pdq_distance": 74,
                "similarity": 0.4127,
                "log_odds": -7.1,
            }
        ],
        "probabilities": {},
        "opinions": [],
        "action": None,
        "rule": None,
        "two_person": False,
        "count": None,
        "expected": None,
    },
    "has_picture": False,
    "parent_id": None,
    "created_at": "2026-11-30T09:31:00Z",
    "leased_by": None,
    "lease_expires_at": None,
    "outcome": None,
    "reason": None,
    "note": None,
    "decided_by": None,
    "decided_at": None,
    "decision_id": None,
    "awaits_signature": False,
}
LEASED_ITEM = {**ITEM, "leased_by": "key 3", "lease_expires_at": "2026-11-30T09:40:00Z"}
DECIDED_ITEM = {
    **ITEM,
    "state": "decided",
    "outcome": "confirmed",
    "reason": "copy",
    "decided_by": "key 3",
    "decided_at": "2026-11-30T09:35:10Z",
    "decision_id": 12,
}
LEASED = {"items": [LEASED_ITEM], "expires_at": "2026-11-30T09:40:00Z"}
QUEUES = {
    "queues": [
        {
            "queue": "retro_match",
            "bank": "known-unsafe",
            "severity": "high",
            "open": 214,
            "leased": 2,
            "oldest_at": "2026-11-30T09:31:00Z",
        }
    ]
}
REASONS = {
    "reasons": [
        {"id": "copy", "words": "A copy of the entry", "text": "Section 2: known material."}
    ]
}
BULK_DECIDED = {
    "decided": [ITEM],
    "left_out": [
        {
            "id": 42,
            "code": "review_settled",
            "detail": "Review 42 is decided. `GET /v1/reviews` lists open ones.",
            "brief": "Review 42 is decided.",
        }
    ],
    "preview": True,
}
ME = {
    "person": "key 3",
    "name": "jo",
    "scopes": ["analyst"],
    "exposure": {"reveals": 4, "seconds": 17.5},
    "decisions": 212,
    "decisions_per_reveal": 53.0,
}
SETTINGS = {
    "veil": "grey",
    "strength": 4,
    "keys_enabled": True,
    "keys": {"confirm": "y", "escalate": None},
    "break_minutes": 50,
    "theme": "auto",
}
VIEW = {
    "id": 5,
    "name": "grave",
    "screen": "review",
    "query": "severity=critical",
    "created_at": "2026-11-30T09:30:00Z",
}
