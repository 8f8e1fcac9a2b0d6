"""`category.*`: read the streams of a category as one sequence."""

from __future__ import annotations

from typing import Any

from mdb.core.errors import InvalidRequest
from mdb.core.messages import CategoryQuery
from mdb.core.names import check_category
from mdb.rpc import arguments as a
from mdb.rpc.method import Method, Parameter
from mdb.rpc.results import read


def _prepare_get(
    category: str, options: a.CategoryReadOptions | None
) -> tuple[CategoryQuery, int | None]:
    check_category(category, "$[1]")
    options = options or a.CategoryReadOptions()
    if options.position is not None and options.global_position is not None:
        raise InvalidRequest("position and globalPosition exclude each other", path="$[2]")
    size = a.batch_size(options.batch_size, "$[2]")
    # In a category both names mean the global position.
    start = a.position(options.position, "position", "$[2]")
    if start is None:
        start = a.position(options.global_position, "globalPosition", "$[2]")
    query = CategoryQuery(
        category,
        position=start,
        backward=a.backward(options.direction, "$[2]"),
        type=a.message_type(options.type, "$[2]"),
        correlation=a.correlation(options.correlation, "$[2]"),
        group=a.group(options.consumer_group, "$[2]"),
    )
    return query, None if size == -1 else size


METHODS = (
    Method(
        "category.get",
        "Read a category, or a consumer group member's part of it.",
        "namespace",
        (
            Parameter("category", str),
            Parameter("options", a.CategoryReadOptions, required=False),
        ),
        read,
        result=list[Any],
        prepare=_prepare_get,
        paged=True,
    ),
)
