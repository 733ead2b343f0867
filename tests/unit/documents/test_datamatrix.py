"""INS datamatrix: format v2 of 26/09/2023 (ANS), read back by an independent decoder of the image."""

import string
from collections.abc import Mapping

import pytest
import typst
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st

from dui_fhir.documents.datamatrix import InsTraits, payload, svg

GS = "\x1d"


def test_payload__published_test_person__is_the_exact_text(ins_traits: Mapping[str, str]) -> None:
    assert payload(InsTraits.of(ins_traits)) == (
        "IS01" + "0" * 22 + "S1236066322083656" + "S21.2.250.1.213.1.4.10"
        f"S3CATARINA BELLA{GS}" + f"S4TCHITCHI{GS}" + "S5F" + "S621-06-1936" + "S763220"
    )  # fmt: skip


def test_payload__oid_of_19_characters__is_ended_by_a_separator(ins_traits: Mapping[str, str]) -> None:
    assert f"S21.2.250.1.213.1.4.8{GS}S3" in payload(InsTraits.of({**ins_traits, "oid": "1.2.250.1.213.1.4.8"}))


def test_payload__name_at_its_maximum__has_no_separator(ins_traits: Mapping[str, str]) -> None:
    text = payload(InsTraits.of({**ins_traits, "family": "A" * 130}))
    assert f"S4{'A' * 100}S5" in text


def test_payload__no_birth_place__ends_with_the_date(ins_traits: Mapping[str, str]) -> None:
    assert payload(InsTraits.of({**ins_traits, "cog": ""})).endswith("S5FS621-06-1936")


@pytest.mark.parametrize(
    ("typed", "encoded"),
    [("Noël-Œdipe d’Été", "NOEL-OEDIPE D'ETE"), ("ÆGIR  ß\u2011", "AEGIR SS-"), ("Ça va\x1dvite", "CA VA VITE")],
)
def test_payload__accents_and_ligatures__become_plain_capitals(
    ins_traits: Mapping[str, str], typed: str, encoded: str
) -> None:
    assert f"S4{encoded}{GS}S5" in payload(InsTraits.of({**ins_traits, "family": typed}))


@pytest.mark.parametrize(
    "wrong",
    [
        {"matricule": "12345"}, {"matricule": "23606632208365\u0663"}, {"birth_date": "1936-06"}, {"sex": "X"}, {"cog": "6322"},
        {"family": " é\u0301 "[:1]}, {"oid": ""},
    ],
)  # fmt: skip
def test_payload__value_of_another_form__is_refused(ins_traits: Mapping[str, str], wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="datamatrix"):
        payload(InsTraits.of({**ins_traits, **wrong}))


def test_traits__unknown_or_missing_member__are_refused(ins_traits: Mapping[str, str]) -> None:
    with pytest.raises(ValueError, match="unknown"):
        InsTraits.of({**ins_traits, "name": "x"})
    with pytest.raises(ValueError, match="absent"):
        InsTraits.of({k: v for k, v in ins_traits.items() if k != "sex"})


NAMES = st.text(string.ascii_uppercase + " -'éÉçœ", min_size=1, max_size=120).filter(lambda n: n.strip(" -'") != "")


@settings(max_examples=8, deadline=None)
@given(given=NAMES, family=NAMES, sex=st.sampled_from("MF"), cog=st.sampled_from(["", "63220", "2B020", "99100"]))
def test_svg__drawn_and_scanned__gives_the_payload_back(given: str, family: str, sex: str, cog: str) -> None:
    traits = InsTraits(
        matricule="236066322083656",
        oid="1.2.250.1.213.1.4.8",
        given=given,
        family=family,
        sex=sex,
        birth_date="1936-06-21",
        cog=cog,
    )
    assert scanned(svg(traits)) == payload(traits).encode("ascii")


def test_svg__symbol__is_square_with_a_quiet_zone(ins_traits: Mapping[str, str]) -> None:
    drawn = svg(InsTraits.of(ins_traits))
    side = int(drawn.split('viewBox="0 0 ')[1].split(" ")[0])
    assert side % 2 == 0
    assert f'viewBox="0 0 {side} {side}"' in drawn
    assert "M0 " not in drawn.split('fill="#000" d="')[1]
    assert "M1 " not in drawn.split('fill="#000" d="')[1]


def scanned(drawn: str) -> bytes:
    """Rasterise the SVG as a printer would, and decode the picture."""
    source = f'#set page(width: auto, height: auto, margin: 4mm)\n#image(bytes({_quoted(drawn)}), format: "svg")'
    png = typst.compile(
        source.encode(), format="png", ppi=300.0
    )  # at 150 a module is not a whole number of dots: some symbols blur
    assert isinstance(png, bytes)
    found = zxingcpp.read_barcode(_pixels(png), zxingcpp.BarcodeFormat.DataMatrix)
    assert found is not None
    return found.bytes


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _pixels(png: bytes) -> "memoryview[int]":
    """Return the grey values of an RGBA or RGB PNG without interlace, as height × width."""
    import struct
    import zlib

    width, height, depth, colour = struct.unpack(">IIBB", png[16:26])
    channels = {0: 1, 2: 3, 6: 4}[colour]
    assert depth == 8
    data, position = b"", 8
    while position < len(png):
        size, kind = struct.unpack(">I4s", png[position : position + 8])
        data += png[position + 8 : position + 8 + size] if kind == b"IDAT" else b""
        position += 12 + size
    raw, stride = zlib.decompress(data), width * channels
    grey, previous = bytearray(), bytearray(stride)
    for row in range(height):
        start = row * (stride + 1)
        line = _unfiltered(raw[start], bytearray(raw[start + 1 : start + 1 + stride]), previous, channels)
        grey += line[::channels]
        previous = line
    return memoryview(bytes(grey)).cast("B", (height, width))


def _unfiltered(kind: int, line: bytearray, above: bytearray, step: int) -> bytearray:
    """Undo the filter of one PNG line (PNG specification, section 9)."""
    for i in range(len(line)):
        left = line[i - step] if i >= step else 0
        corner = above[i - step] if i >= step else 0
        line[i] = (line[i] + (0, left, above[i], (left + above[i]) // 2, _paeth(left, above[i], corner))[kind]) & 0xFF
    return line


def _paeth(left: int, up: int, corner: int) -> int:
    guess = left + up - corner
    return min((left, up, corner), key=lambda value: abs(guess - value))
