"""Texts written in capitals."""


def in_capitals(text: str) -> bool:
    """Return True where the text has several letters, none of them in lower case."""
    letters = [c for c in text if c.isalpha()]
    return len(letters) > 1 and all(c.isupper() for c in letters)
