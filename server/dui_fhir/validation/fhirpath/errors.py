"""What keeps an expression from being evaluated."""


class FhirPathError(Exception):
    """The expression has no value: wrong syntax, wrong argument, or something this engine does not have."""


class BudgetSpent(FhirPathError):
    """The expression took more steps, or more time, than it is given."""
