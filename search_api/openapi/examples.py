"""Examples of the OpenAPI document; a test validates them against the schemas."""

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
    "log_odds": 31.2,
    "bank": "known-unsafe",
    "bank_kind": "block",
    "entry_id": 17,
    "image_id": 4211,
    "source": "/data/known/0007.jpg",
    "suppressed_by": None,
    "part": None,
    "query_part": {"kind": "tile", "number": 0, "box": [200, 3030, 480, 343], "recipe": None},
    "inliers": None,
    "evidence": [
        {"signal": "embedding", "value": 0.6312, "log_odds": 18.3},
        {"signal": "pdq", "value": 8, "log_odds": 25.2},
        {"signal": "prior", "value": None, "log_odds": 2.3},
        {"signal": "comparisons", "value": 2_400_000, "log_odds": -14.6},
    ],
    "template": {"id": 2, "seen_in": 214, "discount": 21.4, "pixels": True},
}
OPINIONS = [
    {
        "classifier": "open_nsfw",
        "probabilities": {"sfw": 0.9871, "nsfw": 0.0129},
        "unsafe": 0.0129,
    }
]
RULED = {
    "action": "block",
    "policy": {
        "name": "uploads",
        "version": 3,
        "rule": "known-copy",
        "two_person": False,
        "applied": [
            {
                "rule": "known-copy",
                "action": "block",
                "two_person": False,
                "because": "near_duplicate in bank known-unsafe (high), log-odds 31.2",
            }
        ],
    },
}
COMPLETENESS = {
    "banks": "exact",
    "gallery": {
        "kind": "measured",
        "recall": 0.992,
        "interval": [0.984, 0.996],
        "queries": 1000,
    },
}
NOT_RULED = {"action": None, "policy": None}
VERDICT = {
    "query": "upload.jpg",
    "tier": "near_duplicate",
    "banks": ["known-unsafe"],
    "hits": [17],
    "matches": [MATCH],
    "probabilities": PROBABILITIES,
    "opinions": OPINIONS,
    "is_disputed": False,
    "model": SPACE,
    "sha256": SHA256,
    "pdq": PDQ,
    "pdq_quality": 100,
    "watermark": 90210,
    "completeness": COMPLETENESS,
    "cluster": {"id": 31, "name": "statues", "run_id": 12, "similarity": 0.9127},
    "nearest": None,
    **RULED,
}
CLASSIFICATION = {
    "query": "upload.jpg",
    "probabilities": PROBABILITIES,
    "model": SPACE,
    "opinions": OPINIONS,
    "is_disputed": False,
    **NOT_RULED,
}
POLICY = {
    "version": 3,
    "name": "uploads",
    "document": 'format = 1\nname = "uploads"\n\n[[rules]]\nid = "known-copy"\n'
    'action = "block"\ntier = ["exact", "near_duplicate"]\nkind = "block"\n',
    "created_at": "2026-11-30T09:30:00Z",
    "retired_at": None,
}
CLASS_MAP = {
    "query": "upload.jpg",
    "label": "porn",
    "probability": 0.9123,
    "model": SPACE,
    "cells": [[0.0312, 0.2981], [1.2044, -0.1107]],
}
MATCH_REGIONS = {
    "query": "upload.jpg",
    "image_id": 4211,
    "tier": "near_duplicate",
    "log_odds": 14.2,
    "query_size": [1080, 1920],
    "image_size": [640, 427],
    "query_part": {"kind": "crop", "number": 1, "box": [40, 310, 1000, 667], "recipe": None},
    "part": None,
    "is_mirrored": False,
    "has_features": True,
    "details": [{"query_x": 131.5, "query_y": 402.0, "x": 58.4, "y": 58.9}],
}
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
DECIDED = {
    "decision": DECISION,
    "bank": "known-benign",
    "new_entries": 2,
    "awaits_signature": False,
    "review_id": None,
    "message": None,
}
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
TEMPLATE = {
    "id": 2,
    "state": "found",
    "seen_in": 214,
    "image_id": 4211,
    "mask": "ffff" * 5 + "e007" * 8 + "ffff" * 3,
    "created_at": "2026-11-30T09:30:00Z",
    "updated_at": "2026-11-30T09:30:00Z",
}


def answer(description: str, example: Any) -> dict[str, Any]:
    """Describe a 200 response with its example."""
    return {"description": description, "content": {"application/json": {"example": example}}}


PARTIAL_VERDICT = {
    "query": "vector",
    "tier": "lookalike",
    "banks": ["known-unsafe"],
    "hits": [17],
    "matches": [
        MATCH
        | {
            "tier": "lookalike",
            "decided_by": "fused",
            "threshold": 4.6,
            "pdq_distance": None,
            "log_odds": 8.0,
            "query_part": None,
            "evidence": [
                {"signal": "embedding", "value": 0.6312, "log_odds": 18.3},
                {"signal": "prior", "value": None, "log_odds": 2.3},
                {"signal": "comparisons", "value": 300_000, "log_odds": -12.6},
            ],
        }
    ],
    "model": SPACE,
    "watermark": 90210,
    "completeness": COMPLETENESS,
    **NOT_RULED,
}
FINGERPRINT_VERDICT = PARTIAL_VERDICT | {
    "query": f"pdq {PDQ}",
    "tier": "near_duplicate",
    "matches": [
        MATCH
        | {
            "similarity": None,
            "log_odds": 14.9,
            "query_part": None,
            "evidence": [
                {"signal": "pdq", "value": 8, "log_odds": 25.2},
                {"signal": "prior", "value": None, "log_odds": 2.3},
                {"signal": "comparisons", "value": 300_000, "log_odds": -12.6},
            ],
        }
    ],
}
STORED_VERDICT = VERDICT | {
    "opinions": [],
    "query": "image 4212",
    "matches": [MATCH | {"query_part": None}],
}
VECTOR_REQUEST = {"vector": [0.0512, -0.0113, 0.0287], "model": SPACE}
FINGERPRINT_REQUEST = {"kind": "pdq", "value": PDQ}
PROBLEM = {
    "type": "urn:lookalike:unreadable_image",
    "title": "unreadable_image",
    "status": 415,
    "detail": "The bytes are not a picture that we read. Check the file, or convert it to JPEG.",
    "brief": None,
    "request_id": "0f7c1a52f0b64c0e9d1d6a3b8d8f3c11",
}
SEARCHED = {
    "items": [
        {"query": "upload.jpg", "verdict": VERDICT, "problem": None},
        {"query": "notes.txt", "verdict": None, "problem": PROBLEM},
    ]
}
CLASSIFIED = {
    "items": [
        {"query": "upload.jpg", "classification": CLASSIFICATION, "problem": None},
        {"query": "notes.txt", "classification": None, "problem": PROBLEM},
    ]
}
EMBEDDED = {
    "query": "upload.jpg",
    "embedding": [0.0512, -0.0113, 0.0287],
    "dimension": 3,
    "model": SPACE,
    "probabilities": PROBABILITIES,
}
CARD = {
    "signal": "pdq",
    "tier": "near_duplicate",
    "bank": None,
    "space_id": None,
    "value": 31.0,
    "unit": "comparison",
    "target_rate": 1e-06,
    "false_positives": 3,
    "comparisons": 4000000,
    "rate_low": 2e-07,
    "rate_high": 2.2e-06,
    "source_count": 40,
    "prediction_low": 1e-07,
    "prediction_high": 4.1e-06,
    "background": "gallery",
    "background_images": 2000,
    "reference_count": 2000,
    "histogram": {"low": 0.0, "width": 8.0, "comparisons": [1, 2], "uploads": [1, 0]},
    "id": 7,
    "space": None,
    "created_at": "2026-11-24T09:30:00Z",
    "retired_at": None,
}


REMOVED_IMAGE = {"image_id": 4211, "purged": False}


def request(example: Any) -> dict[str, Any]:
    """Give the JSON body of a request its example."""
    return {"requestBody": {"content": {"application/json": {"example": example}}}}


def page(item: Any, next_cursor: str | None = None) -> dict[str, Any]:
    """Make a page of one item."""
    return {"items": [item], "next_cursor": next_cursor}


SIMILAR = page(MATCH) | {"completeness": COMPLETENESS}
