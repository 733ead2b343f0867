"""FR Core 2.1.0 and 2.2.0, fr-core-patient-ins: what the mapper of each version writes follows the profile of that version."""

import dataclasses

import pytest

from dui_fhir.domain import ins_fr_core as core
from dui_fhir.domain.ins import Identity, Traits
from dui_fhir.terminology import Terminology
from dui_fhir.validation.shipped import library
from dui_fhir.validation.validator import Validator

QUALIFIED = Identity(
    status="QUAL",
    traits=Traits(family="TCHITCHI", given="CATARINA BELLA", birth_date="1936-06-21", sex="female", cog="63220"),
    oid="1.2.250.1.213.1.4.10",
    matricule="236066322083656",
    first_name="CATARINA",
    document="CN",
    document_date="2026-01-10",
    insi=True,
    insi_date="2026-01-10",
)
TEMPORARY = dataclasses.replace(QUALIFIED, oid="1.2.250.1.213.1.4.9", matricule="109076322088835")


@pytest.mark.parametrize("identity", [QUALIFIED, TEMPORARY], ids=["NIR", "NIA"])
@pytest.mark.parametrize("version", ["2.1.0", "2.2.0"])
def test_write__qualified_identity__follows_the_profile_of_the_version(
    version: core.CoreVersion, identity: Identity
) -> None:
    written = core.write({"resourceType": "Patient"}, identity, version)

    validator = Validator(library(preferred={"hl7.fhir.fr.core": version}), Terminology())
    issues = validator.profile(written, f"{core.CORE}/StructureDefinition/fr-core-patient-ins|{version}")

    assert [(i.id, i.diagnostics) for i in issues if i.blocking] == []
