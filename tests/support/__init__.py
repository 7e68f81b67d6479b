"""Words that let tests read as sentences."""
