"""What keeps an expression from being evaluated."""


class FhirPathError(Exception):
    """The expression has no value: wrong syntax, wrong argument, or something this engine does not have."""


class FhirPathSyntaxError(FhirPathError):
    """The text is no expression; ``offset``: where that shows, in characters from its start."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.offset = offset


class BudgetSpent(FhirPathError):
    """The expression took more steps, or more time, than it is given."""
