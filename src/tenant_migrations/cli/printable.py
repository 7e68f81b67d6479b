"""Names from the database as text that a terminal and a log can take."""


def printable(text: str) -> str:
    """The text with control characters, such as ESC and line breaks, escaped.

    Schema names may hold any character; printed as they are they could move the cursor or forge a
    line of a log.
    """
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )
