"""``python -m dui_fhir.cli``: the command, for child processes."""

from dui_fhir.cli import main

main()
