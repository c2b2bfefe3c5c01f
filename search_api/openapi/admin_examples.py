"""Examples of the OpenAPI document about keys, the audit log and webhooks."""

from search_api.openapi.examples import SHA256

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
WEBHOOK = {
    "id": 2,
    "url": "https://hooks.example.org/lookalike",
    "events": ["flood_flag", "retro_match"],
    "description": "Pager of the on-call team",
    "enabled": True,
    "created_at": "2026-11-28T09:00:00Z",
}
WEBHOOK_SECRET = {
    "webhook": WEBHOOK,
    "secret": "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oDoYXbHzXZ3Rk=",
}
DELIVERY = {
    "id": 61,
    "webhook_id": 2,
    "message_id": "msg_5f2b1c9d0a8e4b7f9c3d2e1f0a9b8c7d",
    "event": "retro_match",
    "state": "pending",
    "created_at": "2026-11-28T09:31:00Z",
    "attempts": 1,
    "next_attempt_at": "2026-11-28T09:31:05Z",
    "delivered_at": None,
    "dead_at": None,
    "last_status": 503,
    "last_error": "The receiver answered 503.",
}
