"""Logical ids given by the server: UUID version 7 (RFC 9562), time-ordered so that an index grows at its end."""

import os
import time


def new_id() -> str:
    """Return a new id of 36 characters, greater than those made in earlier milliseconds."""
    random = int.from_bytes(os.urandom(10), "big")
    value = (time.time_ns() // 1_000_000) << 80 | random
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
