"""The simulated DMP against material nobody here wrote: IHE and OASIS schemas, ANS documents, an IHE sample."""

from pathlib import Path

import pytest
from lxml import etree

from dui_fhir.simulators.dmp import cda, ebrim, metadata, schemas
from dui_fhir.simulators.dmp.policy import Policy

REFERENCE = Path(__file__).parents[3] / ".." / "shared" / "reference"
XSD = REFERENCE / "xds" / "xsd"
CDA = REFERENCE / "cda" / "examples"

pytestmark = pytest.mark.skipif(not REFERENCE.is_dir(), reason="../shared/reference is not beside the repository")


def test_sample_of_ihe__american_metadata__is_valid_by_schema_and_refused_by_profile() -> None:
    root = etree.parse(str(REFERENCE / "xds/examples/ipf_ProvideAndRegisterDocumentSet_1doc.xml")).getroot()

    assert schemas.check(root, XSD) == []
    read = ebrim.submission(root.find(f"{{{ebrim.LCM}}}SubmitObjectsRequest"))
    problems = metadata.check(read, Policy())

    assert (len(read.packages), len(read.entries)) == (1, 1)
    texts = " ".join(p.text for p in problems)
    for part in (
        "patientId : INS",
        "legalAuthenticator",
        "typeCode hors du jeu",
        "sourcePatientId : forme CX",
        "authorPerson",
    ):
        assert part in texts
    assert {p.code for p in problems} == {"XDSRegistryMetadataError"}


def test_header_of_our_minimal_document__is_accepted() -> None:
    document = cda.read((CDA / "OWN_minimal_N1_header.xml").read_bytes())

    assert document.faults == ()
    assert document.header is not None
    assert document.header.format == ("urn:ihe:iti:xds-sd:pdf:2008", "1.3.6.1.4.1.19376.1.2.3")


# Published documents older than the present rules, and the fault that the simulator must find; all others are accepted.
OUTDATED = {
    "CR-BIO_N1_v1.xml": "family/@qualifier",
    "CR-BIO_N1_v2_replaces_v1.xml": "family/@qualifier",
    "LDL-SES_2020.01.xml": "id/@root doit être un OID",
    "PPS-PAERPA_2021.01.xml": "Struct_IdNat malformé",
}


@pytest.mark.parametrize("file", sorted(CDA.glob("*.xml")), ids=lambda file: file.name)
def test_header_of_a_published_document__is_judged_as_documented(file: Path) -> None:
    faults = " ".join(cda.read(file.read_bytes()).faults)

    assert OUTDATED[file.name] in faults if file.name in OUTDATED else faults == ""
