"""The check of reasoning items that come back: each unchanged, in its place, and from here."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from chat.devservices.offline_model.create import CreateRequest, InvalidRequestError, input_items
from chat.devservices.offline_model.http import ProblemError
from chat.devservices.offline_model.problems import problem
from chat.devservices.offline_model.run import Run

Item = dict[str, Any]
Runs = Mapping[str, Run]


def check_reasoning(request: CreateRequest, runs: Runs, *, required: bool, like: str = "") -> None:
    """Raise ProblemError or InvalidRequestError, with the real API's words, if a reasoning item is not as it was.

    With `required`, also if one is missing before a tool call of this turn.
    """
    items = input_items(request)
    for place, item in enumerate(items):
        if item.get("type") == "reasoning":
            following = items[place + 1] if place + 1 < len(items) else {}
            _check(item, following, _run_of(str(item.get("id")), runs), like)
    if required:
        _check_nothing_is_missing(items, runs)


def _check(item: Item, following: Item, run: Run | None, like: str) -> None:
    output = run.items.output if run else []
    place = next((place for place, ours in enumerate(output) if ours["id"] == item["id"]), None)
    if run is None or place is None:
        raise problem("history.reasoning", like)
    ours = output[place]
    if _compared(item) != _compared(ours):
        raise InvalidRequestError(f"Item '{item['id']}' of type 'reasoning' is not as it was given.", "input")
    if not (ours.get("encrypted_content") or ours.get("content") or run.request.store is not False):
        message = (
            f"Item with id '{item['id']}' not found. Items are not persisted when `store` is set to false. Try again "
            "with `store` set to true, or remove this item from your input."
        )
        raise ProblemError(HTTPStatus.NOT_FOUND, message, param="input")
    if place + 1 < len(output) and not any(_is_same(following, later) for later in output[place + 1 :]):
        message = f"Item '{item['id']}' of type 'reasoning' was provided without its required following item."
        raise InvalidRequestError(message, "input")


def _check_nothing_is_missing(items: list[Item], runs: Runs) -> None:
    turn = max((place for place, item in enumerate(items) if item.get("role") == "user"), default=-1)
    returned = {item.get("id") for item in items if item.get("type") == "reasoning"}
    for item in items[turn + 1 :]:
        if item.get("type") != "function_call":
            continue
        run = _run_of(str(item.get("call_id")).rpartition("_")[0], runs)
        needed = [ours["id"] for ours in run.items.output if ours["type"] == "reasoning"] if run else []
        if missing := [name for name in needed if name not in returned]:
            message = (
                f"Item '{item.get('call_id')}' of type 'function_call' was provided without its required 'reasoning' "
                f"item: '{missing[0]}'."
            )
            raise InvalidRequestError(message, "input")


def _run_of(identifier: str, runs: Runs) -> Run | None:
    """The run that gave an item; its id is in those of its items."""
    return runs.get(f"resp_{identifier.partition('_')[2]}")


def _compared(item: Item) -> Item:
    return {name: value for name, value in item.items() if value not in (None, "", []) and name != "status"}


def _is_same(item: Item, ours: Item) -> bool:
    return item.get("type") == ours["type"] and item.get("call_id") == ours.get("call_id")
