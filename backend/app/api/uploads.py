"""Files that are sent along with a request: bounded while they arrive, never named by the client.

The form is read by a dependency that comes after the one that asks who is there: nobody who may
not import makes the server take a file.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Any, BinaryIO

from fastapi import Depends, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser

from app.api.platform import platform_of
from app.api.schemas.market_data import ImportForm
from app.core.exceptions import ConfigurationError

_MOST_FIELDS, _MOST_FIELD_BYTES = 16, 8_192
_FORM_BYTES = 65_536
"""What the form may add to the file."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that has arrived, and what was said with it."""

    file: BinaryIO
    form: ImportForm


async def _upload(request: Request) -> AsyncIterator[Upload]:
    most = platform_of(request).settings.import_max_mib << 20
    form = await _form(request, most)
    try:
        yield _read(form)
    finally:
        await form.close()


ReceivedFile = Annotated[Upload, Depends(_upload)]
"""Parameter of a route: the uploaded file."""


def _fields() -> dict[str, dict[str, Any]]:
    """The schema of each field, of texts without their type: whatever a form holds is text."""
    fields = ImportForm.model_json_schema(ref_template="#/components/schemas/{model}")["properties"]
    return {
        name: {key: value for key, value in schema.items() if (key, value) != ("type", "string")}
        for name, schema in fields.items()
    }


FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
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
                }
            }
        },
    }
}
"""The form in the OpenAPI document."""


async def _form(request: Request, most: int) -> FormData:
    kind = request.headers.get("content-type", "")
    if not kind.lower().startswith("multipart/form-data"):
        raise ConfigurationError("body: send multipart/form-data with the file as `file`")
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > most + _FORM_BYTES:
        raise _too_large(most)
    parser = MultiPartParser(
        request.headers,
        _bounded(request, most),
        max_files=1,
        max_fields=_MOST_FIELDS,
        max_part_size=_MOST_FIELD_BYTES,
    )
    try:
        return await parser.parse()
    except MultiPartException as error:
        raise ConfigurationError(f"body: {error.message}") from error


async def _bounded(request: Request, most: int) -> AsyncGenerator[bytes, None]:
    received = 0
    async for chunk in request.stream():
        received += len(chunk)
        if received > most + _FORM_BYTES:
            raise _too_large(most)
        yield chunk


def _too_large(most: int) -> HTTPException:
    return HTTPException(
        413, f"the file is larger than {most >> 20} MiB; import it in parts, or on the server"
    )


def _read(form: FormData) -> Upload:
    given = dict(form.multi_items())
    file = given.pop("file", None)
    if not isinstance(file, UploadFile):
        raise ConfigurationError("file: is missing; send the file as the form's field `file`")
    try:
        return Upload(file.file, ImportForm.model_validate(given))
    except ValidationError as error:
        raise RequestValidationError(error.errors()) from error
