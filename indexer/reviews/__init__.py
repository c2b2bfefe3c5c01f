"""Reviews: what people look at, and what they decide."""
