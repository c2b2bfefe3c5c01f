"""Vector codes: compressed copies of a segment's vectors, which nominate candidates."""
