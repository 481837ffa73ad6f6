"""What a request says that its route does not know, or says twice, is refused.

A misspelt filter filters nothing, and of two values one would be passed over. What each route
knows is read off the routes once, when the application is built.
"""

import json
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any, NamedTuple

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import get_flat_params
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from app.api.access import authorise


class Known(NamedTuple):
    """What a route takes: query parameters, sorted; whether a JSON body."""

    names: tuple[str, ...]
    takes_json: bool


def known_parameters(routes: Iterable[BaseRoute]) -> Mapping[str, Known]:
    """By ``METHOD /path``, as `ACCESS` names routes, what each takes."""
    named = [route for route in routes if isinstance(route, APIRoute)]
    return {
        f"{method} {route.path}": Known(_names(route.dependant), route.body_field is not None)
        for route in named
        for method in route.methods or ()
    }


def admitting(
    known: Mapping[str, Known],
) -> Callable[[Request], Coroutine[Any, Any, None]]:
    """The dependency of every route: its sender may use it, and what it is told is `known`, once.

    One and not several, for each costs every request some microseconds. A body that the route
    takes as JSON has been read by then; any other is not touched.
    """

    async def admit(request: Request) -> None:
        await authorise(request)
        takes = known[f"{request.method} {request.scope['route'].path}"]
        if request.scope["query_string"]:
            _refuse_strangers(request, takes.names)
            require_once("query", [name for name, _ in request.query_params.multi_items()])
        if takes.takes_json:
            require_once("body", _fields_written(await request.body()))

    return admit


def require_once(place: str, names: Iterable[str]) -> None:
    """See that none of the `names` in this place of a request is there twice.

    Raises:
        RequestValidationError: with every one that is.
    """
    repeated = [(name, count) for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise RequestValidationError(
            [
                {
                    "type": "repeated",
                    "loc": (place, name),
                    "msg": f"is given {count} times; give it once",
                }
                for name, count in repeated
            ]
        )


def _refuse_strangers(request: Request, names: tuple[str, ...]) -> None:
    strangers = [name for name in request.query_params if name not in names]
    if strangers:
        raise RequestValidationError([_problem(name, names) for name in strangers])


def _fields_written(body: bytes) -> list[str]:
    """The fields of a JSON object as often as they are written; those within them are not told.

    None of what is no JSON object: what is wrong with that is told by who validates it.
    """
    outermost: list[tuple[str, Any]] = []

    def note(pairs: list[tuple[str, Any]]) -> None:
        nonlocal outermost
        outermost = pairs  # it is the last that is complete

    try:
        written = body.decode(json.detect_encoding(body), "surrogatepass")
        json.loads(written, object_pairs_hook=note)
    except (ValueError, RecursionError):
        return []
    return [name for name, _ in outermost] if written.lstrip().startswith("{") else []


def _names(dependant: Dependant) -> tuple[str, ...]:
    """Also those of the dependencies, and of models the fields."""
    fields = get_flat_params(Dependant(query_params=_query_fields(dependant)))
    return tuple(sorted({field.alias for field in fields}))


def _query_fields(dependant: Dependant) -> list[Any]:
    below = (field for each in dependant.dependencies for field in _query_fields(each))
    return [*dependant.query_params, *below]


def _problem(name: str, names: tuple[str, ...]) -> dict[str, Any]:
    there_are = f"there are {', '.join(names)}" if names else "there are none"
    return {
        "type": "extra_forbidden",
        "loc": ("query", name),
        "msg": f"is no query parameter here: {there_are}",
    }
