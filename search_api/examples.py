"""The examples of the OpenAPI document; a test holds them to the schemas."""

from typing import Any

SPACE = "9f2b6f6f0f9a4d3c8c1f2f0f6f3a5f1f7a0c9d8e7b6a5f4e3d2c1b0a99887766"
SHA256 = "5e2c9f0f6a8f8c4b7f5f3a2b1c0d9e8f7a6b5c4d3e2f1a0b9c8d7e6f5a4b3c2d"
PDQ = "f8f8f0cce0f4e84d0e370a22028f67f0b36e2ed596623e1d33e6339c4e9c9b22"

PROBABILITIES = {
    "Drawing": 0.0012,
    "Hentai": 0.0004,
    "Neutral": 0.9971,
    "Porn": 0.0005,
    "Sexy": 0.0008,
}
MATCH = {
    "tier": "near_duplicate",
    "decided_by": "pdq",
    "threshold": 31.0,
    "threshold_source": "card 7",
    "threshold_card": 7,
    "similarity": 0.9712,
    "pdq_distance": 8,
    "fused_score": 1.9660,
    "bank": "known-unsafe",
    "bank_kind": "block",
    "entry_id": 17,
    "image_id": 4211,
    "source": "/data/known/0007.jpg",
    "suppressed_by": None,
    "part": None,
    "query_part": {"kind": "tile", "number": 0, "box": [200, 3030, 480, 343]},
    "inliers": None,
}
VERDICT = {
    "query": "upload.jpg",
    "tier": "near_duplicate",
    "banks": ["known-unsafe"],
    "hits": [17],
    "matches": [MATCH],
    "probabilities": PROBABILITIES,
    "model": SPACE,
    "sha256": SHA256,
    "pdq": PDQ,
    "pdq_quality": 100,
    "watermark": 90210,
}
CLASSIFICATION = {"query": "upload.jpg", "probabilities": PROBABILITIES, "model": SPACE}
IMAGE = {
    "image_id": 4211,
    "sha256": SHA256,
    "md5": "0cc175b9c0f1b6a831c399e269772661",
    "pdq": PDQ,
    "pdq_quality": 100,
    "width": 640,
    "height": 427,
    "format": "JPEG",
    "frame_count": 1,
    "byte_size": 48211,
    "created_at": "2026-11-23T09:30:00Z",
    "sources": ["/data/known/0007.jpg"],
    "entries": [
        {
            "id": 17,
            "bank": "known-unsafe",
            "kind": "block",
            "image_id": 4211,
            "fingerprint": None,
        }
    ],
    "probabilities": PROBABILITIES,
}

DECISION = {
    "id": 12,
    "query_sha256": SHA256,
    "query_pdq": PDQ,
    "entry_id": 17,
    "image_id": None,
    "outcome": "rejected",
    "tier": "near_duplicate",
    "decided_by": "pdq",
    "analyst": "jo",
    "note": "a statue",
    "created_at": "2026-11-25T09:30:00Z",
    "superseded_at": None,
}
DECIDED = {"decision": DECISION, "bank": "known-benign", "new_entries": 2}
SCAN = {
    "id": 7,
    "bank": "known-unsafe",
    "first_change": 88001,
    "last_change": 90210,
    "cursor": 88256,
    "state": "running",
    "scanned": 256,
    "found": 3,
    "created_at": "2026-11-25T09:30:00Z",
    "finished_at": None,
}
RETRO_MATCH = {
    "id": 41,
    "entry_id": 17,
    "bank": "known-unsafe",
    "image_id": 4211,
    "source": "/data/uploads/0007.jpg",
    "tier": "near_duplicate",
    "decided_by": "pdq",
    "similarity": 0.9712,
    "pdq_distance": 8,
    "threshold": 31.0,
    "created_at": "2026-11-25T09:31:00Z",
}
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
KEY = {
    "id": 3,
    "public_id": "9f2b6f6f0f9a",
    "name": "uploads",
    "scopes": ["check"],
    "requests_per_second": None,
    "created_at": "2026-11-24T09:12:44Z",
    "expires_at": "2027-02-22T09:12:44Z",
    "last_used_at": None,
    "revoked_at": None,
}
CREATED_KEY = {"key": KEY, "token": f"lk_9f2b6f6f0f9a_{SHA256}"}
REVOKED_KEY = {**KEY, "revoked_at": "2026-11-25T07:00:00Z"}

AUDIT_HEAD = {"log_id": "3f1c0c0e-6a51-4f0e-9f6e-0d4b1f1f6f2a", "number": 90211, "hash": SHA256}
AUDIT_ENTRY = {
    "number": 90211,
    "at": "2026-11-25T09:30:00.000001Z",
    "actor": {"kind": "key", "name": "uploads", "address": "192.0.2.7"},
    "request_id": "5b1c5f1e0c8b4a53a6a5f1d2c3b4a596",
    "action": "lookup.search",
    "subject": "query",
    "subject_id": SHA256,
    "detail": {"tier": "exact", "banks": ["known-unsafe"], "hits": 1, "entries": [17]},
    "hash": SHA256,
}


def answer(description: str, example: Any) -> dict[str, Any]:
    """Describe a 200 response with its example."""
    return {"description": description, "content": {"application/json": {"example": example}}}


def page(item: Any, next_cursor: str | None = None) -> dict[str, Any]:
    """Make a page of one item."""
    return {"items": [item], "next_cursor": next_cursor}
