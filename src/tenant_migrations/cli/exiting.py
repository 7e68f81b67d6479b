"""Exiting: the end of a process that has Django and all of a project's code loaded."""

import atexit
import gc


def exit_without_collecting() -> None:
    """Let the interpreter not search everything that is loaded for garbage before it exits.

    That is an eighth of a run over 500 tenants that finds nothing to do. Nothing changes until
    then, and calling this again changes nothing (Python documentation, ``gc.freeze``).
    """
    atexit.unregister(gc.freeze)
    atexit.register(gc.freeze)
