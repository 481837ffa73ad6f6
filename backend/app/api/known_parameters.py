"""Query parameters a route does not know are refused: a misspelt filter filters nothing.

What each route knows is read off the routes once, when the application is built.
"""

from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import get_flat_params
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from app.api.access import authorise


def known_parameters(routes: Iterable[BaseRoute]) -> Mapping[str, tuple[str, ...]]:
    """By ``METHOD /path``, as `ACCESS` names routes, the query parameters of each, sorted."""
    named = [route for route in routes if isinstance(route, APIRoute)]
    return {
        f"{method} {route.path}": _names(route.dependant)
        for route in named
        for method in route.methods or ()
    }


def admitting(
    known: Mapping[str, tuple[str, ...]],
) -> Callable[[Request], Coroutine[Any, Any, None]]:
    """The dependency of every route: its sender may use it, and all of its parameters are `known`.

    One and not two, for each costs every request some microseconds.
    """

    async def admit(request: Request) -> None:
        await authorise(request)
        if request.scope["query_string"]:
            _refuse_strangers(request, known[f"{request.method} {request.scope['route'].path}"])

    return admit


def _refuse_strangers(request: Request, names: tuple[str, ...]) -> None:
    strangers = [name for name in request.query_params if name not in names]
    if strangers:
        raise RequestValidationError([_problem(name, names) for name in strangers])


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
