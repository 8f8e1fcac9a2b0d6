"""What every writing method shares: how its answer is told, and whom its failure names.

A writing method's arguments are an `Append` and its `Form`. Between them stands the queue, alone
or, in a pipeline, side by side with the writes before and after.
"""

from __future__ import annotations

from collections.abc import Mapping

from mdb.core.errors import StreamVersionConflict
from mdb.core.ids import format_uuid
from mdb.core.messages import Append, Written
from mdb.rpc.context import Context
from mdb.rpc.results import WriteResult, encode, joined


class Form:
    """The answer of a single write."""

    def answer(self, append: Append, written: Written) -> bytes:
        """Encode where the messages were written."""
        position, global_position = written.positions[0]
        return _result(append.messages[0].id, position, global_position)

    def explain(self, error: Exception) -> Exception:
        """Return the failure with the item that it lies in, where one can be named."""
        return error


class ManyForm(Form):
    """The answer of a write of several messages: an array, in their order.

    `expecting`: a stream to the first item that expects its version.
    """

    def __init__(self, expecting: Mapping[str, int] | None = None) -> None:
        self._expecting = expecting or {}

    def answer(self, append: Append, written: Written) -> bytes:
        """Encode where the messages were written."""
        return joined(
            [
                _result(message.id, *place)
                for message, place in zip(append.messages, written.positions, strict=True)
            ]
        )

    def explain(self, error: Exception) -> Exception:
        """Name the item that expected a version."""
        if isinstance(error, StreamVersionConflict) and error.stream in self._expecting:
            error.details["index"] = self._expecting[error.stream]
        return error


SINGLE = Form()
BATCH = ManyForm()


async def write(context: Context, append: Append, form: Form) -> bytes:
    """Write, and encode the answer."""
    try:
        written = await context.namespace.append(append, context.deadline)
    except StreamVersionConflict as error:
        form.explain(error)
        raise
    return form.answer(append, written)


def _result(message_id: bytes, position: int, global_position: int) -> bytes:
    return encode(WriteResult(position, global_position, format_uuid(message_id)))
