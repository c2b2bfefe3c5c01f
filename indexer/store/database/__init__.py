"""The metadata database as a database: its address, connections, schema and upkeep."""
