"""The fleet pages: what the records say of the fleet, and what may be done about it."""
