"""What goes wrong with the embedded server."""


class EmbeddedPostgresError(Exception):
    """The embedded server cannot be prepared, started or stopped.

    The message is one line: what, why, and where to look or what to type next.
    """
