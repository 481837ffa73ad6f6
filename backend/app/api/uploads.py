"""Files that are sent along with a request: bounded while they arrive, never named by the client.

The form is read by a dependency that comes after the one that asks who is there, and after a place
among the imports is found: nobody who may not import, and no import too many, makes the server
take a file. How long a body may be is for `BodyLimit` to say.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Any, Final

import anyio
from fastapi import Depends, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from app.api.known_parameters import require_once
from app.api.platform import platform_of
from app.api.schemas.market_data import ImportForm
from app.core.exceptions import ConfigurationError
from app.managers.data_manager.imports import Reception

_MOST_FIELDS, _MOST_FIELD_BYTES = 16, 8_192
SILENCE_S: Final = 30.0
"""After so long without a byte an upload is given up: it holds a place that others wait for."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that has arrived, and what was said with it."""

    reception: Reception
    form: ImportForm


async def _upload(request: Request) -> AsyncIterator[Upload]:
    kind = request.headers.get("content-type", "")
    if not kind.lower().startswith("multipart/form-data"):
        raise ConfigurationError("body: send multipart/form-data with the file as `file`")
    imports = platform_of(request).imports
    reception = imports.admit()
    try:
        yield Upload(reception, _read(await _form(request, reception)))
    finally:
        with anyio.CancelScope(shield=True):
            await run_in_threadpool(imports.release, reception)


ReceivedFile = Annotated[Upload, Depends(_upload)]
"""Parameter of a route: the uploaded file."""


def _fields() -> dict[str, dict[str, Any]]:
    """The schema of each field, of texts without their type: whatever a form holds is text."""
    fields = ImportForm.model_json_schema(ref_template="#/components/schemas/{model}")["properties"]
    return {
        name: {key: value for key, value in schema.items() if (key, value) != ("type", "string")}
        for name, schema in fields.items()
    }


_EXAMPLE: Final = {
    "file": "timestamp,open,high,low,close,volume\n2025-11-06 09:30,10,11,9,10.5,100\n",
    "symbol": "MINE",
    "timezone": "America/New_York",
}

FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "example": _EXAMPLE,
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "additionalProperties": False,
                    "properties": {
                        "file": {
                            "type": "string",
                            "format": "binary",
                            "description": "A .csv, .csv.gz or .parquet file.",
                        },
                        **_fields(),
                    },
                },
            }
        },
    }
}
"""The form in the OpenAPI document."""


class _Parser(MultiPartParser):
    """Writes the file where its import will look for it; no copy is made in between."""

    def __init__(self, request: Request, reception: Reception) -> None:
        super().__init__(
            request.headers,
            _steady(request),
            max_files=1,
            max_fields=_MOST_FIELDS,
            max_part_size=_MOST_FIELD_BYTES,
        )
        self._reception = reception

    def on_headers_finished(self) -> None:
        super().on_headers_finished()
        upload = self._current_part.file
        if upload is not None:
            upload.file.close()
            self._reception.folder.mkdir(parents=True)
            upload.file = self._reception.file.open("w+b")
            self._files_to_close_on_error.append(upload.file)  # type: ignore[arg-type]  # closed is all it has to be able to


async def _form(request: Request, reception: Reception) -> FormData:
    try:
        form = await _Parser(request, reception).parse()
    except MultiPartException as error:
        raise ConfigurationError(f"body: {error.message}") from error
    await form.close()
    return form


async def _steady(request: Request) -> AsyncGenerator[bytes, None]:
    stream = request.stream()
    while True:
        try:
            with anyio.fail_after(SILENCE_S):
                chunk = await anext(stream)
        except StopAsyncIteration:
            return
        except TimeoutError as error:
            raise ConfigurationError(
                f"body: nothing came for {SILENCE_S:g} s; send the file again"
            ) from error
        yield chunk


def _read(form: FormData) -> ImportForm:
    require_once("body", [name for name, _ in form.multi_items()])
    given = dict(form.multi_items())
    file = given.pop("file", None)
    if not isinstance(file, UploadFile):
        raise ConfigurationError("file: is missing; send the file as the form's field `file`")
    try:
        return ImportForm.model_validate(given)
    except ValidationError as error:
        raise RequestValidationError(error.errors()) from error
