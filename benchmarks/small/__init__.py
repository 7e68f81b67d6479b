"""A tenant app of three tables, in the place of the platform's four, for fleets of thousands."""
