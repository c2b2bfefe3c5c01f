"""Keys and sessions of the server, and the answers that it remembers."""
