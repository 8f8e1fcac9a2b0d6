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
from mdb.rpc.results import WriteResult, encode


class Form:
    """The answer of a single write."""

    def answer(self, append: Append, written: Written) -> bytes:
        """Encode where the messages were written."""
        position, global_position = written.positions[0]
        message_id = format_uuid(append.messages[0].id)
        return encode(WriteResult(position, global_position, message_id))

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
        return encode(
            [
                WriteResult(position, global_position, format_uuid(message.id))
                for message, (position, global_position) in zip(
                    append.messages, written.positions, strict=True
                )
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
