"""The report on a week of the fleet.

``gather`` reads the records into the frozen data of ``data``; ``advice`` says what follows from
them; ``text``, ``markdown``, ``html`` and ``document`` write the same down in four ways.
"""
