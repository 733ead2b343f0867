"""The simulated INSi: published test people, refusals, faults on demand."""

from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from dui_fhir.simulators.insi.app import create_app
from dui_fhir.simulators.insi.people import Person, search

RESULT = {"r": "http://www.cnamts.fr/INSiResultat", "s": "urn:siram"}
ACTION = "urn:ServiceIdentiteCertifiee:1.0.0:rechercherInsAvecTraitsIdentite"
ENVELOPE = """<soap:Envelope xmlns:soap="http://www.w3.org/2003/05/soap-envelope"><soap:Header>
<b:ContexteBAM xmlns:b="urn:siram:bam:ctxbam" Version="01_02"><b:Id>{uuid}</b:Id><b:Temps>2026-03-01T10:29:58.604Z</b:Temps>
<b:Emetteur>2750000000</b:Emetteur><b:COUVERTURE/></b:ContexteBAM>
<l:ContexteLPS xmlns:l="urn:siram:lps:ctxlps" Nature="CTXLPS" Version="01_00"><l:Id>{uuid}</l:Id>
<l:Temps>2026-03-01T10:29:58.604Z</l:Temps><l:Emetteur>2750000000</l:Emetteur><l:LPS><l:IDAM R="4">TEST00000001</l:IDAM>
<l:Version>1.0</l:Version><l:Instance>{uuid}</l:Instance><l:Nom>urn:lps:dui:1.0</l:Nom></l:LPS></l:ContexteLPS>
<a:Action xmlns:a="http://www.w3.org/2005/08/addressing">{action}</a:Action>
<a:MessageID xmlns:a="http://www.w3.org/2005/08/addressing">uuid:{uuid}</a:MessageID></soap:Header>
<soap:Body><q:RECSANSVITALE xmlns:q="http://www.cnamts.fr/INSiRecSans">{traits}</q:RECSANSVITALE></soap:Body></soap:Envelope>"""


@pytest.fixture
def insi(tmp_path):
    return create_app(tmp_path / "insi").test_client()


def write(family, given, sex, born, place=""):
    names = "".join(f"<q:Prenom>{name}</q:Prenom>" for name in ([given] if isinstance(given, str) else given))
    where = f"<q:LieuNaissance>{place}</q:LieuNaissance>" if place else ""
    return (
        f"<q:NomNaissance>{family}</q:NomNaissance>{names}<q:Sexe>{sex}</q:Sexe>"
        f"<q:DateNaissance>{born}</q:DateNaissance>{where}"
    )


def post(insi, traits, *changes):
    text = ENVELOPE.format(uuid=uuid4(), action=ACTION, traits=traits)
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return insi.post("/lps", data=text.encode(), content_type=f'application/soap+xml; charset=utf-8; action="{ACTION}"')


def ask(insi, *traits, changes=()):
    """Return (code, matricule, OID), or the code of the fault."""
    response = post(insi, write(*traits), *changes)
    root = etree.fromstring(response.data)
    error = root.find(".//s:Erreur", RESULT)
    if error is not None:
        return error.get("code")
    number = root.findtext(".//r:INSACTIF//r:NumIdentifiant", "", RESULT) + root.findtext(
        ".//r:INSACTIF//r:Cle", "", RESULT
    )
    return root.findtext(".//r:CodeCR", "", RESULT), number, root.findtext(".//r:INSACTIF/r:OID", "", RESULT)


NIR, NIA = "1.2.250.1.213.1.4.8", "1.2.250.1.213.1.4.9"
PUBLISHED = [
    (("ADRUN", "ZOE", "F", "1975-12-31", "63220"), ("00", "275126322074974", NIR)),
    (("ADRUN", "ZOE", "F", "1975-12-31", "63221"), ("01", "", "")),
    (("TCHITCHI", "OLA", "F", "1936-06-21"), ("01", "", "")),
    (("TCHITCHI", "CATARINA", "F", "1936-06-21"), ("00", "236066322083656", NIR)),
    (("CORSE", "ANTHONY", "M", "1980-03-02", "2B020"), ("00", "180032B02040123", NIR)),
    (("ECETINSI", "PIERRE-ALAIN", "M", "2009-07-14"), ("00", "109076322083489", NIR)),
    (("HOUILLES", "PIERRE", "M", "1993-01-27"), ("01", "", "")),
    (("NESSI", ["MICHELANGELO", "ANTHONY"], "M", "2010-08-07"), ("00", "110086322083060", NIR)),
    (("ADRTROIS", "DOMINIQUE", "F", "1997-02-26"), ("00", "297022A02077878", NIR)),
    (("ADRTROIS", "TOUSSAINT", "M", "1960-01-01"), ("00", "160012B02077713", NIR)),
    (("PROVISOIRE", "MATRICULE", "M", "2009-07-01"), ("00", "109076322088835", NIA)),
    (("HERMANN", "GATIEN", "M", "1981-03-24"), ("00", "181036322045660", NIR)),  # its key is wrong, as published
]
INVENTED = [
    (("HOMONYME", "MARIE", "F", "1950-05-12"), ("02", "", "")),
    (("HOMONYME", "MARIE", "F", "1950-05-12", "63220"), ("00", "250056322011179", NIR)),
    (("HOMONYME", ["MARIE LOUISE"], "F", "1950-05-12"), ("00", "250053523811203", NIR)),
    (("LUNAIRE", "FATIMA", "F", "1940-00-00"), ("00", "240009935012367", NIR)),
]


@pytest.mark.parametrize(("traits", "expected"), PUBLISHED + INVENTED)
def test_search__test_person__gets_the_published_answer(insi, traits, expected):
    assert ask(insi, *traits) == expected


def test_search__former_matricules__come_with_dates_first(insi):
    root = etree.fromstring(post(insi, write("ECETINSI", "PIERRE-ALAIN", "M", "2009-07-14")).data)

    former = root.findall(".//r:INSHISTO", RESULT)
    assert [f.findtext(".//r:NumIdentifiant", "", RESULT) for f in former] == ["2090763220834", "2090663220123"]
    assert [etree.QName(child).localname for child in former[0]] == ["DateDeb", "DateFin", "IdIndividu", "OID"]
    assert root.findtext(".//r:TIQ/r:ListePrenom", "", RESULT) == "PIERRE-ALAIN MURIEL FLORIANT"


def test_search__person_in_error__is_a_technical_fault(insi):
    response = post(insi, write("DE VINCI", "RUTH", "F", "1950-01-01"))

    assert response.status_code == 500
    assert b'code="insi_102"' in response.data
    assert b"siram_40" in response.data
    assert b"soap:Receiver" in response.data


@pytest.mark.parametrize(
    "traits",
    [
        ("Adrun", "ZOE", "F", "1975-12-31"),
        ("ADRUN", "ZOÉ", "F", "1975-12-31"),
        ("ADRUN", "ZOE-", "F", "1975-12-31"),
        ("ADRUN", "", "F", "1975-12-31"),
        ("ADRUN", [], "F", "1975-12-31"),
        ("", "ZOE", "F", "1975-12-31"),
        ("ADRUN", "ZOE", "I", "1975-12-31"),
        ("ADRUN", "ZOE", "F", "31/12/1975"),
        ("ADRUN", "ZOE", "F", "1975-12-31", "632"),
    ],
)
def test_search__traits_in_another_form__are_refused(insi, traits):
    assert ask(insi, *traits) == "sim_format"


@pytest.mark.parametrize(
    "change",
    [
        ('Version="01_02"', 'Version="01_01"'),
        ("604Z</b:Temps>", "604+01:00</b:Temps>"),
        ("<l:Emetteur>2750000000", "<l:Emetteur>2750000001"),
        ("<b:COUVERTURE/>", ""),
        ('Nature="CTXLPS"', 'Nature="X"'),
        ('R="4"', 'R="5"'),
        ("urn:lps:dui:1.0", "dui"),
        ("q:Sexe", "q:Genre"),
        ("b:ContexteBAM", "b:Autre"),
    ],
)
def test_search__context_wrong__is_refused(insi, change):
    assert ask(insi, "ADRUN", "ZOE", "F", "1975-12-31", changes=[change]) == "sim_format"


def test_search__unknown_software__is_desir_550(tmp_path):
    insi = create_app(tmp_path, frozenset({"AUTRE"})).test_client()

    assert ask(insi, "ADRUN", "ZOE", "F", "1975-12-31") == "desir_550"


@pytest.mark.parametrize("code", ["desir_550", "desir_560", "insi_102"])
def test_order__soap_fault__answers_that_code_once(insi, code):
    insi.post("/_simulateur/pannes", json={"mode": "soap-fault", "code": code})

    assert ask(insi, "ADRUN", "ZOE", "F", "1975-12-31") == code
    assert ask(insi, "ADRUN", "ZOE", "F", "1975-12-31")[0] == "00"


def test_order__mode_of_a_registry__is_unknown_here(insi):
    assert insi.post("/_simulateur/pannes", json={"mode": "drop-after-store"}).status_code == 400


def test_add__matricule_changed__is_answered_and_survives_a_restart(insi, tmp_path):
    person = {
        "family": "ADRTROIS",
        "given": "DOMINIQUE",
        "born": "1997-02-26",
        "sex": "F",
        "number": "197022A020778",
        "key": "01",
    }
    assert insi.post("/_simulateur/personnes", json=person).status_code == 200

    again = create_app(tmp_path / "insi").test_client()

    assert ask(again, "ADRTROIS", "DOMINIQUE", "F", "1997-02-26") == ("00", "197022A02077801", NIR)


@pytest.mark.parametrize("body", [None, [], {"family": "A"}, {"family": "A", "given": "B", "x": "y"}, {"family": "A", "given": 1},
                                  {"family": "A", "given": "B", "former": [1]}])  # fmt: skip
def test_add__unreadable_person__is_400(insi, body):
    assert insi.post("/_simulateur/personnes", json=body).status_code == 400


def test_calls__after_two__hold_codes_and_no_trait(insi):
    ask(insi, "ADRUN", "ZOE", "F", "1975-12-31")
    ask(insi, "DE VINCI", "RUTH", "F", "1950-01-01")

    calls = insi.get("/_simulateur/appels").get_json()

    assert [call.get("CodeCR") or call.get("faute") for call in calls] == ["00", "insi_102"]
    assert "ADRUN" not in str(calls)


def test_home__lists_the_people_in_french(insi):
    page = insi.get("/").text

    assert '<html lang="fr">' in page
    assert "ECETINSI" in page


NAMES = st.lists(st.sampled_from(["ANNE", "MARIE", "LOUISE", "PAUL"]), min_size=1, max_size=3, unique=True)


@given(people=st.lists(NAMES, max_size=5), asked=NAMES)
def test_search__more_given_names__never_finds_more(people, asked):
    known = [Person(family="A", given=" ".join(names), born="2000-01-01", sex="F") for names in people]

    def found(names):
        return search(known, family="A", given=names, sex="F", born="2000-01-01", place="")

    assert len(found(asked)) <= len(found(asked[:1]))
    assert all(set(asked) <= set(person.given.split()) for person in found(asked))
