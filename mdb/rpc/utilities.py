"""`util.*`: Message DB's functions on names."""

from __future__ import annotations

from collections.abc import Callable

from mdb.core import names
from mdb.core.hash64 import hash_64
from mdb.rpc.method import Method, Parameter, TypeForm
from mdb.rpc.results import encode


def _method(name: str, summary: str, function: Callable[[str], object], result: TypeForm) -> Method:
    return Method(
        name,
        summary,
        "open",
        (Parameter("name", str),),
        result=result,
        at_once=lambda value: encode(function(value)),
    )


METHODS = (
    _method("util.category", "The category of a stream name.", names.category, str),
    _method("util.id", "The id in a stream name.", names.stream_id, str | None),
    _method("util.cardinalId", "The cardinal id in a stream name.", names.cardinal_id, str | None),
    _method("util.isCategory", "Whether a name is a category's.", names.is_category, bool),
    _method("util.hash64", "Message DB's 64-bit hash of a text.", hash_64, int),
)
