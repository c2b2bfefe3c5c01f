"""Images: bytes to pixels, to hashes, panels, parts and crops."""
