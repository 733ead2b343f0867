"""The French lists that corridors, CDA and XDS need are built in: each is there, with all its codes."""

import pytest

from dui_fhir.terminology import Terminology

NOS = "https://mos.esante.gouv.fr/NOS/"
TDDUI = "https://interop.esante.gouv.fr/ig/fhir/tddui/ValueSet/"
SERAFIN = "https://smt.esante.gouv.fr/terminologie-SERAFINPH"
CLASSES = NOS + "TRE_A03-ClasseDocument/FHIR/TRE-A03-ClasseDocument"
COUNTS = {
    "JDV_J07-XdsTypeCode-CISIS": 114, "JDV_J66-TypeCode-DMP": 107, "JDV_J06-XdsClassCode-CISIS": 13, "JDV_J57-ClassCode-DMP": 11,
    "JDV_J60-FormatCode-DMP": 40, "JDV_J08-XdsConfidentialityCode-CISIS": 6, "JDV_J58-ConfidentialityCode-DMP": 6,
    "JDV_J02-XdsHealthcareFacilityTypeCode-CISIS": 69, "JDV_J04-XdsPracticeSettingCode-CISIS": 12,
    "JDV_J62-PracticeSettingCode-DMP": 11, "JDV_J01-XdsAuthorSpecialty-CISIS": 396, "JDV_J47-FunctionCode-CISIS": 10,
    "JDV_J48-ProfessionNonPS-CISIS": 54, "JDV_J107-EnsembleSavoirFaire-RASS": 265,
    "JDV_J282-TransportsLiesAuProjetIndividuel_SERAFIN": 4,
    "JDV_J283-PrestationsIndirects_SERAFIN": 35, "JDV_J284-PrestationsDirects_SERAFIN": 37, "JDV_J285-Besoins_SERAFIN": 35,
    "JDV_J34-CategorieOrganisation-ROR": 174, "JDV_J254-CategorieEtablissementESSMSPH": 24,
}  # fmt: skip


@pytest.fixture(scope="module")
def terminology() -> Terminology:
    return Terminology()


@pytest.mark.parametrize(("name", "count"), COUNTS.items())
def test_list__built_in__has_all_its_codes(terminology: Terminology, name: str, count: int) -> None:
    url = f"{NOS}{name}/FHIR/{name.replace('_', '-')}"

    codes = list(terminology.expand(url))

    assert len(codes) == len(set(codes)) == count
    assert terminology.validate(url, *codes[0]) == "valid"


@pytest.mark.parametrize(
    ("value_set", "system", "code", "verdict"),
    [
        (TDDUI + "tddui-serafin", SERAFIN, "2.1.1.1", "valid"),
        (TDDUI + "tddui-serafin", SERAFIN, "3.2.4", "valid"),
        (TDDUI + "tddui-serafin", SERAFIN, "9.9", "invalid"),
        (TDDUI + "tddui-observation-type", "http://loinc.org", "79378-6", "valid"),
        (TDDUI + "tddui-observation-type", "http://loinc.org", "0-0", "invalid"),
        (NOS + "JDV_J06-XdsClassCode-CISIS/FHIR/JDV-J06-XdsClassCode-CISIS", CLASSES, "99", "valid"),
        (NOS + "JDV_J57-ClassCode-DMP/FHIR/JDV-J57-ClassCode-DMP", CLASSES, "99", "invalid"),
    ],
)
def test_code__of_a_built_in_list__is_judged(
    terminology: Terminology, value_set: str, system: str, code: str, verdict: str
) -> None:
    assert terminology.validate(value_set, system, code) == verdict
