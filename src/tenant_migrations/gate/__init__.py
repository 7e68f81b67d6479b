"""The gate: whether changed migrations may go out, tried on a database of its own."""
