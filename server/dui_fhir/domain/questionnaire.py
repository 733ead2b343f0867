"""Reading a QuestionnaireResponse: its answers by linkId, wherever items are nested."""

from collections.abc import Mapping
from typing import Any


def answers(response: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Return the answers of each linkId met, below an item or below an answer, at any depth; an item that only
    groups others has none; one with nothing below is absent.

    One loop without recursion: it runs on each write of a grid of a hundred items, for several corridors.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    waiting = [response]
    while waiting:
        for item in waiting.pop().get("item", ()):
            given = item.get("answer")
            link = item.get("linkId", "")
            if "item" in item:
                waiting.append(item)
            if given:
                known = found.get(link)
                found[link] = [*known, *given] if known else given
                for answer in given:
                    if "item" in answer:
                        waiting.append(answer)
            elif "item" in item and link not in found:
                found[link] = []
    return found
