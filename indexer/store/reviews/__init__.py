"""Reviews: what people look at, and what they are to decide."""
