"""Examples of the OpenAPI document for reviews; a test validates them against the schemas."""

REVEAL = {
    "id": 7,
    "person": "key 3",
    "name": "jo",
    "image_id": 4211,
    "reason": "The veil hides the face.",
    "created_at": "2026-11-30T09:30:00Z",
    "expires_at": "2026-11-30T09:33:00Z",
    "ended_at": None,
    "seconds": None,
}
OPENED = {"reveal": REVEAL, "picture": "/v1/reveals/7/picture"}
ENDED = {**REVEAL, "ended_at": "2026-11-30T09:30:04Z", "seconds": 4.2}
