"""Every limit of docs/settings.md that a request may meet: served at the limit, refused (or said) one above.

Source: the limits are the server's own (docs/search.md, docs/api.md); the status codes are those of FHIR R4, http.html.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask

from dui_fhir.app import build_engine, create_app
from dui_fhir.settings import Settings

LIMITS: dict[str, int] = {
    "page_size_max": 3,
    "search_includes_max": 4,
    "search_iterate_max": 2,
    "search_chain_depth_max": 2,
    "search_chain_width_max": 20,
    "search_or_values_max": 3,
    "search_expansion_max": 4,
    "search_filter_terms_max": 3,
    "url_bytes_max": 400,
    "url_params_max": 5,
    "body_bytes_max": 3000,
    "json_depth_max": 8,
    "bundle_entries_max": 2,
    "meta_resources_max": 2,
    "bulk_jobs_max": 2,
}
BASE = "/fhir"


class Client:
    """Requests on a server of small limits."""

    def __init__(self, app: Flask) -> None:
        self._client = app.test_client()

    def get(self, path: str, **headers: str) -> Any:
        return self._client.get(f"{BASE}/{path}", headers={k.replace("_", "-"): v for k, v in headers.items()})

    def post(self, path: str, body: Any, media: str = "application/fhir+json") -> Any:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self._client.post(f"{BASE}/{path}".rstrip("/"), data=data, headers={"Content-Type": media})

    def put(self, path: str, body: Any) -> Any:
        return self._client.put(f"{BASE}/{path}", json=body)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    folder = tmp_path_factory.mktemp("bulk")
    settings = Settings({"store": "memory", "log_level": "ERROR", "bulk_dir": str(folder), **LIMITS})
    engine = build_engine(settings, writer="own")
    yield create_app(settings, engine=engine)
    engine.stores.close()


@pytest.fixture(scope="module")
def client(app: Flask) -> Client:
    client = Client(app)
    for n in range(6):
        parent = {"partOf": {"reference": f"Organization/o{n - 1}"}} if n else {}
        made = client.put(f"Organization/o{n}", {"resourceType": "Organization", "id": f"o{n}", "name": "x", **parent})
        assert made.status_code == 201, made.text
    return client


@dataclass(frozen=True)
class Limit:
    """``at(n)`` sends a request of size n; one above is answered by ``status`` and ``id``."""

    setting: str
    send: Callable[[Client, int], Any]
    status: int
    id: str


def _chain(client: Client, links: int) -> Any:
    return client.get(f"Organization?{'.'.join(['partof'] * links)}.name=x")


def _body(client: Client, size: int) -> Any:
    resource = {"resourceType": "Basic", "code": {"text": ""}}
    resource["code"]["text"] = "x" * (size - len(json.dumps(resource)))  # type: ignore[index]
    return client.post("Basic", resource)


def _deep(client: Client, depth: int) -> Any:
    value: Any = "x"
    for _ in range(depth - 1):
        value = {"a": value}
    # many siblings: what is small is not measured
    return client.post("Basic", {"resourceType": "Basic", "x": value, "y": [{}] * 40})


def _bundle(client: Client, entries: int) -> Any:
    entry = {"request": {"method": "GET", "url": "Organization/o0"}}
    return client.post("", {"resourceType": "Bundle", "type": "batch", "entry": [entry] * entries})


def _url(client: Client, size: int) -> Any:
    path = "Organization?name="
    return client.get(path + "x" * (size - len(f"{BASE}/{path}") + 1))


LIMITED = [
    Limit("search_chain_depth_max", _chain, 400, "search-chain-too-deep"),
    Limit(
        "search_or_values_max",
        lambda c, n: c.get(f"Organization?name={','.join('x' * n)}"),
        400,
        "search-too-many-values",
    ),
    Limit(
        "search_filter_terms_max",
        lambda c, n: c.get(f"Organization?_filter={' or '.join(['name co x'] * n)}"),
        400,
        "search-filter-too-long",
    ),
    Limit("url_bytes_max", _url, 414, "core-url-too-long"),
    Limit(
        "url_params_max", lambda c, n: c.get(f"Organization?{'&'.join(['name=x'] * n)}"), 400, "core-too-many-params"
    ),
    Limit(
        "url_params_max",
        lambda c, n: c.post(
            "Organization/_search", "&".join(["name=x"] * n).encode(), "application/x-www-form-urlencoded"
        ),
        400,
        "core-too-many-params",
    ),
    Limit("body_bytes_max", _body, 413, "core-body-too-large"),
    Limit("bundle_entries_max", _bundle, 413, "core-bundle-too-long"),
]


@pytest.mark.parametrize("limit", LIMITED, ids=lambda x: f"{x.setting}-{x.id}")
def test_limit__reached_then_passed__is_served_then_refused(client: Client, limit: Limit) -> None:
    at_limit, above = (limit.send(client, LIMITS[limit.setting] + n) for n in (0, 1))

    assert at_limit.status_code in (200, 201), at_limit.text
    assert _ids(above) == (limit.status, [limit.id])
    assert above.json["issue"][0]["details"]["text"]


def _ids(answer: Any) -> tuple[int, list[str]]:
    return answer.status_code, [issue["details"]["coding"][0]["code"] for issue in answer.json.get("issue", ())]


def test_json_depth__at_the_limit_and_above__only_the_second_is_too_deep(client: Client) -> None:
    # the resource itself is refused for its content in both cases, but only one is too deep
    assert "core-json-too-deep" not in _ids(_deep(client, LIMITS["json_depth_max"]))[1]
    assert _ids(_deep(client, LIMITS["json_depth_max"] + 1)) == (413, ["core-json-too-deep"])


def test_chain_width__untyped_chain_of_too_many_readings__is_refused(client: Client) -> None:
    assert client.get("Task?focus:Task.code=x").status_code == 200
    assert _ids(client.get("Task?focus.code=x")) == (400, ["search-chain-too-wide"])


def test_page_size__above_the_limit__is_the_limit_and_the_self_link_says_so(client: Client) -> None:
    for asked, served in ((3, 3), (4, 3)):
        page = client.get(f"Organization?_count={asked}").json
        links = {link["relation"]: link["url"] for link in page["link"]}
        assert len(page["entry"]) == served
        assert f"_count={served}" in links["self"]
        assert "next" in links


def _warned(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    outcomes = [e["resource"] for e in answer.json["entry"] if e["search"]["mode"] == "outcome"]
    return [issue["details"]["coding"][0]["code"] for outcome in outcomes for issue in outcome["issue"]]


def _included(answer: Any) -> list[str]:
    return sorted(e["resource"]["id"] for e in answer.json["entry"] if e["search"]["mode"] == "include")


@pytest.fixture(scope="module")
def members(client: Client) -> None:
    for n in range(LIMITS["search_includes_max"] + 1):
        practitioner = {"resourceType": "Practitioner", "id": f"p{n}"}
        assert client.put(f"Practitioner/p{n}", practitioner).status_code == 201
    for name, size in (("at", LIMITS["search_includes_max"]), ("above", LIMITS["search_includes_max"] + 1)):
        listed = [{"member": {"reference": f"Practitioner/p{n}"}} for n in range(size)]
        team = {"resourceType": "CareTeam", "id": name, "participant": listed}
        assert client.put(f"CareTeam/{name}", team).status_code == 201
    for n in range(LIMITS["search_includes_max"] + 1):
        target = "Organization/o4" if n else "Organization/o5"
        basic = {"resourceType": "PractitionerRole", "id": f"r{n}", "organization": {"reference": target}}
        assert client.put(f"PractitionerRole/r{n}", basic).status_code == 201


@pytest.mark.usefixtures("members")
def test_includes__more_than_the_limit__are_cut_and_the_page_says_so(client: Client) -> None:
    at_limit = client.get("CareTeam?_id=at&_include=CareTeam:participant")
    above = client.get("CareTeam?_id=above&_include=CareTeam:participant")

    assert (len(_included(at_limit)), _warned(at_limit)) == (4, [])
    assert (len(_included(above)), _warned(above)) == (4, ["search-includes-cut"])


@pytest.mark.usefixtures("members")
def test_revincludes__more_than_the_limit__are_cut_and_the_page_says_so(client: Client) -> None:
    at_limit = client.get("Organization?_id=o4&_revinclude=PractitionerRole:organization")
    above = client.get("Organization?_id=o4,o5&_revinclude=PractitionerRole:organization")

    assert (len(_included(at_limit)), _warned(at_limit)) == (4, [])
    assert (len(_included(above)), _warned(above)) == (4, ["search-includes-cut"])


def test_iterate__more_rounds_than_the_limit__are_cut_and_the_page_says_so(client: Client) -> None:
    at_limit = client.get("Organization?_id=o2&_include:iterate=Organization:partof")
    above = client.get("Organization?_id=o3&_include:iterate=Organization:partof")

    assert (_included(at_limit), _warned(at_limit)) == (["o0", "o1"], [])
    assert (_included(above), _warned(above)) == (["o1", "o2"], ["search-iterate-cut"])


def test_expansion__more_codes_than_the_limit__is_refused(client: Client) -> None:
    # administrative-gender has four codes, encounter-status nine
    assert client.get("Patient?gender:in=http://hl7.org/fhir/ValueSet/administrative-gender").status_code == 200
    wide = client.get("Encounter?status:in=http://hl7.org/fhir/ValueSet/encounter-status")
    assert _ids(wide) == (400, ["search-too-many-values"])


def test_meta__more_labelled_resources_than_the_limit__is_refused(client: Client) -> None:
    for n in range(3):
        tagged = {"resourceType": "Basic", "id": f"m{n}", "code": {"text": "x"}, "meta": {"tag": [{"code": str(n)}]}}
        client.put(f"Basic/m{n}", tagged)
        expected = 200 if n < LIMITS["meta_resources_max"] else 422
        assert client.get("Basic/$meta").status_code == expected


def test_bulk_jobs__more_than_the_limit_wait__is_503_with_retry_after(client: Client) -> None:
    for _ in range(LIMITS["bulk_jobs_max"]):
        assert client.get("$export", Prefer="respond-async").status_code == 202
    answer = client.get("$export", Prefer="respond-async")

    assert _ids(answer) == (503, ["core-bulk-busy"])
    assert answer.headers["Retry-After"]


def test_limits__all_of_them__are_settings_that_a_page_tells() -> None:
    from dui_fhir.settings import SETTINGS

    assert set(LIMITS) <= {setting.name for setting in SETTINGS}
