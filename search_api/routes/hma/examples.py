"""Examples of HMA's routes in the OpenAPI document."""

PDQ = "f8f8f0cce0f4e84d0e370a22028f67f0b36e2ed596623e1d33e6339c4e9c9b22"
SIGNALS = {
    "pdq": PDQ,
    "sha256": "5e2c9f0f6a8f8c4b7f5f3a2b1c0d9e8f7a6b5c4d3e2f1a0b9c8d7e6f5a4b3c2d",
    "photo_md5": "0cc175b9c0f1b6a831c399e269772661",
}
BANK = {"name": "COOP_ORG_KNOWN", "matching_enabled_ratio": 1.0}
MATCH = {"bank_content_id": 17, "distance": "4"}
MATCHES = {"COOP_ORG_KNOWN": [MATCH]}
CONTENT = {"id": 17, "signals": SIGNALS}
CONTENT_STATE = {
    "id": 17,
    "disable_until_ts": 1,
    "original_media_uri": None,
    "bank": BANK,
    "collab_metadata": {},
}
INDEX_STATUS = {"pdq": {"present": True, "built_to": 1764325800, "size": 591}}
INDEX_SIZES = {
    "pdq": {
        "db_size": 153,
        "index_size": 150,
        "index_out_of_date": True,
        "newest_db_item": 1764325861,
        "index_built_to": 1764325841,
    }
}
SCHEMA = {
    "config_schema": {
        "fields": [
            {
                "name": "file",
                "type": "string",
                "required": True,
                "default": None,
                "help": "A list of fingerprints, read with `lookalike bank import`.",
                "choices": None,
            }
        ]
    },
    "credentials_schema": None,
}
