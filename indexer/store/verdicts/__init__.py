"""What matches are judged by, and what analysts decide about them."""
