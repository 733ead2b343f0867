"""Family ``choose_``: first answer that is not None, in the order of the settings; an exception fails closed."""

import pytest

from dui_fhir.domain.errors import Unauthorized
from dui_fhir.plugin_host import PluginFailed
from dui_fhir.settings import Settings

DOCUMENT = {"resourceType": "DocumentReference", "id": "d1"}
NOTE = {
    "id": "note",
    "title": "Note",
    "type": {"system": "urn:x", "code": "N", "display": "Note"},
    "class": {"system": "urn:x", "code": "C", "display": "Classe"},
    "signers": [],
    "dmp": {"stance": "auto"},
    "mssante": False,
    "source": "J",
}


def _ask(hook, host, context):
    match hook:
        case "choose_store":
            return host.choose_store(Settings({}))
        case "choose_actor":
            return host.choose_actor({"x-gateway": "1"}, "essai")
        case "choose_profiles":
            return host.choose_profiles(DOCUMENT, context)
        case "choose_document":
            return host.choose_document(DOCUMENT, context)


@pytest.mark.parametrize("hook", ["choose_store", "choose_actor", "choose_profiles", "choose_document"])
def test_choose__plugin_raises__fails_closed(hook, host_of, context_of) -> None:
    host = host_of(alpha=f"@hookimpl\ndef {hook}():\n    raise ValueError\n")

    with pytest.raises(PluginFailed):
        _ask(hook, host, context_of(host))


@pytest.mark.parametrize("hook", ["choose_store", "choose_actor", "choose_profiles", "choose_document"])
def test_choose__nobody_answers__leaves_it_to_the_server(hook, host_of, context_of) -> None:
    host = host_of(alpha=f"@hookimpl\ndef {hook}():\n    return None\n")

    assert not _ask(hook, host, context_of(host))


@pytest.mark.parametrize(("first", "second"), [("alpha", "beta"), ("beta", "alpha")])
def test_choose_profiles__two_answers__first_of_the_settings(first, second, host_of, context_of) -> None:
    code = "@hookimpl\ndef choose_profiles(resource):\n    return ['https://exemple.fr/{id}']\n"
    host = host_of(**{id: code.replace("{id}", id) for id in (first, second)})

    assert host.choose_profiles(DOCUMENT, context_of(host)) == (f"https://exemple.fr/{first}",)


def test_choose_profiles__first_is_silent__second_answers(host_of, context_of) -> None:
    host = host_of(
        alpha="@hookimpl\ndef choose_profiles():\n    return None\n",
        beta="@hookimpl\ndef choose_profiles():\n    return ['b']\n",
    )

    assert host.choose_profiles(DOCUMENT, context_of(host)) == ("b",)


def test_choose_actor__headers__are_recognised(host_of, context_of) -> None:
    code = "@hookimpl\ndef choose_actor(headers, tenant):\n    return Actor(editor=headers['x-gateway'] + tenant)\n"
    host = host_of(alpha=code)

    assert _ask("choose_actor", host, context_of(host)).editor == "1essai"


def test_choose_actor__refusal__is_passed_on(host_of, context_of) -> None:
    host = host_of(alpha="@hookimpl\ndef choose_actor():\n    raise Unauthorized.of('access-token', 'Jeton expiré.')\n")

    with pytest.raises(Unauthorized):
        _ask("choose_actor", host, context_of(host))


def test_choose_actor__answer_of_another_kind__fails_closed(host_of, context_of) -> None:
    host = host_of(alpha="@hookimpl\ndef choose_actor():\n    return 'admin'\n")

    with pytest.raises(PluginFailed):
        _ask("choose_actor", host, context_of(host))


def test_choose_store__scheme_of_the_plugin__brings_its_stores(host_of, context_of) -> None:
    code = "class Archive: pass\n@hookimpl\ndef choose_store(settings):\n"
    code += "    return Archive() if settings.store == 'sqlite' else None\n"
    host = host_of(alpha=code)

    assert type(host.choose_store(Settings({}))).__name__ == "Archive"
    assert host.choose_store(Settings({"store": "memory"})) is None


def test_choose_document__id_of_a_declared_type__is_that_type(host_of, context_of) -> None:
    code = f"@hookimpl\ndef declare_documents():\n    return [{NOTE!r}]\n@hookimpl\ndef choose_document():\n    return 'note'\n"
    host = host_of(alpha=code)

    assert host.choose_document(DOCUMENT, context_of(host)).title == "Note"


def test_choose_document__unknown_type__fails_closed(host_of, context_of) -> None:
    host = host_of(alpha="@hookimpl\ndef choose_document():\n    return 'autre'\n")

    with pytest.raises(PluginFailed):
        host.choose_document(DOCUMENT, context_of(host))
