"""The hand-written messages and the simulator's answers against the schemas of IHE and OASIS, where they are at hand."""

import re
from pathlib import Path

import pytest
from lxml import etree

from dui_fhir.simulators.dmp import answers
from dui_fhir.simulators.dmp.ebrim import Problem

XSD = Path(__file__).parents[3] / ".." / "shared" / "reference" / "xds" / "xsd"

pytestmark = pytest.mark.skipif(not XSD.is_dir(), reason="../shared/reference/xds/xsd is not beside the repository")


def test_provide__with_schemas__accepts_the_good_message(make_dmp):
    assert make_dmp(xsd_folder=XSD).provide() == "Success"


def test_provide__with_schemas__refuses_what_only_they_see(make_dmp):
    order = ('<rim:Slot name="languageCode">', '<rim:Description/><rim:Slot name="languageCode">')

    assert make_dmp().provide(metadata=[order]) == "Success"
    assert make_dmp(xsd_folder=XSD).provide(metadata=[order]) == ["XDSRegistryMetadataError"]


@pytest.mark.parametrize(
    ("file", "element"),
    [
        ("rs.xsd", answers.registry_response([])),
        ("rs.xsd", answers.registry_response([Problem(code="XDSRegistryBusy", text="x", location="y")])),
        ("query.xsd", answers.query_response([])),
        ("query.xsd", answers.query_response([], [Problem(code="XDSRegistryError", text="x")])),
        (
            "XDS.b_DocumentRepository.xsd",
            answers.retrieve_response([], [Problem(code="XDSDocumentUniqueIdError", text="x")]),
        ),
    ],
)
def test_answer__against_its_schema__is_valid(file, element):
    etree.XMLSchema(etree.parse(str(XSD / file))).assertValid(etree.fromstring(etree.tostring(element)))


def test_find__answer_with_an_entry__is_valid(dmp):
    dmp.provide()
    stored = etree.fromstring(dmp.received()[0]["metadonnees"])

    response = etree.fromstring(etree.tostring(answers.query_response([stored])))

    etree.XMLSchema(etree.parse(str(XSD / "query.xsd"))).assertValid(response)
    assert re.search(rb"repositoryUniqueId", etree.tostring(response))
