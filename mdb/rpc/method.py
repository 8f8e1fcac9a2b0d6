"""What an RPC method is: a row in the table that parsing, access, and the API document share."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from types import GenericAlias
from typing import Any, Literal, TypeAlias, Union, get_args

import msgspec

from mdb.core import jsonrules
from mdb.core.errors import InvalidRequest
from mdb.rpc.context import Context
from mdb.rpc.results import ReadBody

# Who may call: anyone; whoever has a token, on its namespace; the named namespace's own token
# or the admin's; the admin alone.
Access: TypeAlias = Literal["open", "namespace", "own", "admin"]

# A type as msgspec takes it: a class, a union, a generic.
TypeForm: TypeAlias = Any

Handler: TypeAlias = Callable[..., Awaitable[bytes | ReadBody]]

# How msgspec says where it found a fault, and which field is missing or unknown there.
_PLACE = re.compile(r" - at `\$(?P<path>.*)`$", re.DOTALL)
_ITEM = re.compile(r"\[([0-9]+)\]")
_FIELD = re.compile(r"field `(?P<name>[^`]{1,100})`$")

_items = msgspec.json.Decoder(list[msgspec.Raw]).decode


class Parameter:
    """One argument of a method, at its place in the array.

    `type` is what msgspec decodes it into; an optional one may be left out or null.
    """

    __slots__ = ("_decode", "_decode_item", "name", "required", "type")

    def __init__(self, name: str, type: TypeForm, *, required: bool = True) -> None:  # noqa: A002
        """Build the decoder once."""
        self.name = name
        self.type = type
        self.required = required
        self._decode = msgspec.json.Decoder(type).decode
        items = get_args(type) if isinstance(type, GenericAlias) else ()
        self._decode_item = msgspec.json.Decoder(items[0]).decode if len(items) == 1 else None

    def parse(self, raw: msgspec.Raw | None, path: str) -> object:
        """Decode the argument; raise `InvalidRequest` naming its place."""
        if raw is None:
            if self.required:
                raise InvalidRequest(f"argument {self.name} is missing", path=path)
            return None
        if not self.required and bytes(raw) == b"null":
            return None
        try:
            return self._decode(raw)
        except msgspec.ValidationError as exc:
            raise self._fault(exc, raw, path) from exc
        except (msgspec.DecodeError, UnicodeDecodeError) as exc:
            raise InvalidRequest(f"{self.name}: not valid JSON", path=path) from exc

    def _fault(self, exc: msgspec.ValidationError, raw: msgspec.Raw, path: str) -> InvalidRequest:
        """Say where in the argument the fault is; in a batch, also in which item."""
        found = _PLACE.search(str(exc))
        inner = found["path"] if found else ""
        index = self._guilty_item(inner, raw)
        if index is not None and not inner:
            inner = f"[{index}]"
        text = _PLACE.sub("", str(exc))
        field = _FIELD.search(text)
        place = path + inner + (f".{field['name']}" if field else "")
        return InvalidRequest(f"{self.name}: {text}", path=place, index=index)

    def _guilty_item(self, inner: str, raw: msgspec.Raw) -> int | None:
        if self._decode_item is None:
            return None
        named = _ITEM.match(inner)
        if named is not None:
            return int(named[1])
        try:  # of an array that is too long msgspec does not say where it is
            items = _items(raw)
        except msgspec.MsgspecError:
            return None
        for index, item in enumerate(items):
            try:
                self._decode_item(item)
            except msgspec.MsgspecError:
                return index
        return None


def _waiting(at_once: Callable[..., bytes] | None) -> Handler:
    assert at_once is not None, "a method has a handler"
    answer = at_once

    async def handler(_context: Context, *arguments: object) -> bytes:
        return answer(*arguments)

    return handler


class Method:
    """A row of the table.

    `handler(context, *arguments)` gives the JSON result. `prepare` turns the decoded arguments
    into what the handler takes, and refuses bad ones, before anything is done or created.
    """

    __slots__ = (
        "_decode_whole",
        "_places",
        "access",
        "at_once",
        "handler",
        "name",
        "paged",
        "parameters",
        "prepare",
        "queued",
        "result",
        "summary",
    )

    def __init__(
        self,
        name: str,
        summary: str,
        access: Access,
        parameters: Sequence[Parameter],
        handler: Handler | None = None,
        *,
        result: TypeForm,
        prepare: Callable[..., tuple[Any, ...]] | None = None,
        queued: bool = False,
        paged: bool = False,
        at_once: Callable[..., bytes] | None = None,
    ) -> None:
        """Name a method. `result` is the type of its answer, for the API document.

        `queued`: a write (`writes.write` is its handler); its deadline is kept by the
        namespace's actor. `paged`: a read (`results.read`), whose arguments are a query and how
        many messages, None for all. `at_once`: in the place of a handler, takes the arguments
        and gives the JSON result without waiting; for what anyone may call.
        """
        self.name = name
        self.summary = summary
        self.access = access
        self.parameters = tuple(parameters)
        self._places = [(n, f"$[{n}]", each) for n, each in enumerate(self.parameters, start=1)]
        self.at_once = at_once
        self.handler = handler or _waiting(at_once)
        self.result = result
        self.prepare = prepare
        self.queued = queued
        self.paged = paged
        self._decode_whole: Callable[[bytes], msgspec.Struct] | None = None
        if queued or at_once is not None:
            self._decode_whole = msgspec.json.Decoder(self._form()).decode

    def _form(self) -> type[msgspec.Struct]:
        """Return the type of a call of this method, as an array."""
        fields: list[Any] = [("method", Literal[self.name])]
        for each in self.parameters:
            form = each.type if each.required else Union[each.type, None]  # noqa: UP007  (of values)
            fields.append((each.name, form) if each.required else (each.name, form, None))
        return msgspec.defstruct("Call", fields, array_like=True, forbid_unknown_fields=True)

    def read(self, body: bytes) -> tuple[Any, ...] | None:
        """Decode and check the arguments of a call in a body of its own, in as few steps as can be.

        For methods that are `queued` or answer `at_once`. None for whatever cannot be decoded:
        `arguments` tells why.
        """
        assert self._decode_whole is not None
        call = jsonrules.decode_whole(self._decode_whole, body)
        if call is None:
            return None
        _, *values = msgspec.structs.astuple(call)
        return self.prepare(*values) if self.prepare is not None else tuple(values)

    def arguments(self, parts: Sequence[msgspec.Raw]) -> tuple[Any, ...]:
        """Decode and check the arguments that follow the method's name in the array."""
        given = len(parts) - 1
        if given > len(self.parameters):
            raise InvalidRequest(
                f"{self.name} takes at most {len(self.parameters)} arguments, got {given}",
                path=f"$[{len(self.parameters) + 1}]",
            )
        values = [
            parameter.parse(parts[place] if place <= given else None, path)
            for place, path, parameter in self._places
        ]
        return self.prepare(*values) if self.prepare is not None else tuple(values)


__all__ = ["Access", "Context", "Handler", "Method", "Parameter"]
