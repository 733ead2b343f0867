"""Texts that begin with a prefix, as a range."""


def prefix_end(prefix: str) -> str | None:
    """Return the first text after all those that begin with ``prefix``, in order of code points; None = there is none."""
    for length in range(len(prefix), 0, -1):
        following = ord(prefix[length - 1]) + 1
        if following == 0xD800:
            following = 0xE000  # surrogates are not characters
        if following <= 0x10FFFF:
            return prefix[: length - 1] + chr(following)
    return None
