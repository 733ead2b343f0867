"""French identifiers. Sources: TDDUI 2.4 (grammar and published values); PS_IdNat, Struct_IdNat; Luhn."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dui_fhir.domain import identifiers as ids
from dui_fhir.domain.identifiers import FileIdentifier

SYSTEM = "https://identifiant-medicosocial-{}.esante.gouv.fr"
_WORD = st.text("ABCXYZabcxyz0123456789", min_size=1, max_size=12)
_FINESS = st.from_regex(ids.FINESS, fullmatch=True)


@given(finess=_FINESS, usager=_WORD, kind=st.sampled_from(sorted(ids.MARKS)), number=_WORD)
def test_file_identifier__any__is_read_as_it_was_written(finess: str, usager: str, kind: str, number: str) -> None:
    mark = ids.MARKS[kind]
    made = FileIdentifier(finess=finess, usager=usager, mark=mark, number=number if mark else "")

    assert ids.parse_file_identifier(str(made)) == made
    assert ids.file_identifier_is_right(SYSTEM.format(kind), str(made))


@given(st.text(max_size=40))
def test_file_identifier__any_text__is_the_text_of_its_parts_or_refused(text: str) -> None:
    found = ids.parse_file_identifier(text)

    assert found is None or str(found) == text


@pytest.mark.parametrize(
    ("kind", "value", "right"),
    [
        ("localusager", "3480787529/194704032", True), ("localusager", "3480787529/194704032-SEJOUR-1", False),
        ("localusager", "480787529/194704032", False), ("localusager", "194704032", False), ("localusager", "", False),
        ("sejour", "3480787529/147720425367411-SEJOUR-12548", True), ("sejour", "3480787529/1-EVN-1", False),
        ("sejour", "32A0787529/1-SEJOUR-1", True), ("sejour", "32C0787529/1-SEJOUR-1", False),
        ("sejour", "3480787529/1-SEJOUR-", False), ("sejour", "3480787529/-SEJOUR-1", False),
        ("sejour", "3480787529/1-SEJOUR-1\n", False), ("sejour", " 3480787529/1-SEJOUR-1", False),
        ("sejour", "3480787529/1-sejour-1", False), ("sejour", "348078752٩/1-SEJOUR-1", False),
        ("repas", "3480787529/1012-REPAS-0002", True), ("periodescolaire", "3480787529/1-PSCO-12548", True),
        ("transportusager", "3480787529/1-TPPat-1", True), ("transportprofessionnel", "3480787529/1-TPPat-1", False),
        ("inconnu", "n'importe quoi", True),
    ],
)  # fmt: skip
def test_file_identifier__published_and_altered_values(kind: str, value: str, right: bool) -> None:
    assert ids.file_identifier_is_right(SYSTEM.format(kind), value) is right


@pytest.mark.parametrize("system", ["", "urn:x", "https://identifiant-medicosocial-", SYSTEM.format("sejour") + "/"])
def test_file_identifier__system_without_grammar__is_free(system: str) -> None:
    assert ids.file_identifier_is_right(system, "libre")


@pytest.mark.parametrize(
    ("system", "value", "right"),
    [
        (ids.FINESS_SYSTEM, "480787529", True), (ids.FINESS_SYSTEM, "2B0000012", True), (ids.FINESS_SYSTEM, "48078752", False),
        (ids.FINESS_SYSTEM, "4807875290", False), (ids.FINESS_SYSTEM, "2C0000012", False),
        (ids.SIRENE_SYSTEM, "732829320", True), (ids.SIRENE_SYSTEM, "732829321", False),
        (ids.SIRENE_SYSTEM, "73282932000074", True), (ids.SIRENE_SYSTEM, "73282932000075", False),
        (ids.SIRENE_SYSTEM, "35600000000048", True), (ids.SIRENE_SYSTEM, "35600000049837", True),
        (ids.SIRENE_SYSTEM, "35600000049838", False), (ids.SIRENE_SYSTEM, "7328293200007", False),
        (ids.STRUCTURE_SYSTEM, "1480787529", True), (ids.STRUCTURE_SYSTEM, "480787529", False),
        (ids.STRUCTURE_SYSTEM, "2732829320", True), (ids.STRUCTURE_SYSTEM, "2732829321", False),
        (ids.STRUCTURE_SYSTEM, "373282932000074", True), (ids.STRUCTURE_SYSTEM, "373282932000075", False),
        (ids.STRUCTURE_SYSTEM, "41000289189500", True), (ids.STRUCTURE_SYSTEM, "9480787529", False),
        (ids.STRUCTURE_SYSTEM, "", False), ("urn:x", "libre", True),
    ],
)  # fmt: skip
def test_structure_identifier__form_and_key(system: str, value: str, right: bool) -> None:
    assert ids.structure_identifier_is_right(system, value) is right


@pytest.mark.parametrize(
    ("system", "value", "right"),
    [
        (ids.RPPS_SYSTEM, "10002918950", True), (ids.RPPS_SYSTEM, "1000291895", False),
        (ids.PROFESSIONAL_SYSTEM, "810002918950", True), (ids.PROFESSIONAL_SYSTEM, "10101234567", True),
        (ids.PROFESSIONAL_SYSTEM, "0751234567", True), (ids.PROFESSIONAL_SYSTEM, "3480787529/1453", True),
        (ids.PROFESSIONAL_SYSTEM, "32A0787529/a.b-c", True), (ids.PROFESSIONAL_SYSTEM, "3480787529", False),
        (ids.PROFESSIONAL_SYSTEM, "3480787529/", False), (ids.PROFESSIONAL_SYSTEM, "573282932000074/x", True),
        (ids.PROFESSIONAL_SYSTEM, "2480787529/1453", False), (ids.PROFESSIONAL_SYSTEM, "8100029189", False),
        (ids.PROFESSIONAL_SYSTEM, "", False), ("urn:x", "libre", True),
    ],
)  # fmt: skip
def test_professional_identifier__form(system: str, value: str, right: bool) -> None:
    assert ids.professional_identifier_is_right(system, value) is right


@given(st.from_regex(r"[0-9]{4,13}", fullmatch=True), st.integers(0, 12))
def test_luhn__one_digit_changed__no(digits: str, place: int) -> None:
    (key,) = [k for k in "0123456789" if ids.luhn(digits + k)]
    place %= len(digits)
    changed = digits[:place] + str((int(digits[place]) + 1) % 10) + digits[place + 1 :]

    assert not ids.luhn(changed + key)
