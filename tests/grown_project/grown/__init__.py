"""The app; its models are only in its migrations."""
