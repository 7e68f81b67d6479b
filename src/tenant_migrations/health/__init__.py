"""Health: whether the database, the fleet and what the project rests on are well now."""
