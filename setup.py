"""Packaging: the folder names of the disk are mapped to safe import names (docs/decisions/0001)."""

from pathlib import Path

from setuptools import find_packages, setup

CORRIDORS = sorted(p.parent.name for p in Path("plugins").glob("*/plugin.json"))

setup(
    package_dir={"": "server", "dui_fhir_plugins": "plugins", "dui_fhir_profiles": "profiles"},
    packages=[
        *find_packages("server"),
        "dui_fhir_plugins",
        *(f"dui_fhir_plugins.{c}" for c in CORRIDORS),
        "dui_fhir_profiles",
    ],
    package_data={
        "dui_fhir": [
            "py.typed",
            "**/*.json",
            "**/*.html",
            "**/*.typ",
            "**/*.css",
            "**/*.js",
            "**/*.icc",
            "**/*.ttf",
            "**/*.otf",
        ],
        "dui_fhir_plugins": ["**/*.json", "**/*.md", "**/*.typ"],
        "dui_fhir_profiles": ["**/*.json", "**/*.md", "**/*.gz"],
    },
    entry_points={
        "console_scripts": ["dui-fhir = dui_fhir.cli:main"],
        "dui_fhir.plugins": [f"{c} = dui_fhir_plugins.{c}" for c in CORRIDORS],
    },
)
