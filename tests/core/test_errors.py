"""Every error: its code, its status, its default message, and the JSON it becomes."""

import json
import sys
import uuid

import pytest

from mdb.core import errors
from mdb.core.errors import BY_CODE, MdbError

STATUS_OF_CODE = {
    "INVALID_REQUEST": 400,
    "AUTH_REQUIRED": 401,
    "AUTH_INVALID_TOKEN": 401,
    "AUTH_UNAUTHORIZED": 403,
    "NAMESPACE_NOT_FOUND": 404,
    "NAMESPACE_EXISTS": 409,
    "STREAM_VERSION_CONFLICT": 409,
    "MESSAGE_ID_CONFLICT": 409,
    "POSITION_EXISTS": 409,
    "PAYLOAD_TOO_LARGE": 413,
    "OVERLOADED": 503,
    "BACKEND_UNAVAILABLE": 503,
    "WRITE_UNCERTAIN": 503,
    "TIMEOUT": 504,
    "BACKEND_ERROR": 500,
    "NOT_FOUND": 404,
    "METHOD_NOT_ALLOWED": 405,
    "REQUEST_TIMEOUT": 408,
    "HEADERS_TOO_LARGE": 431,
}


def make(code):
    if code == "STREAM_VERSION_CONFLICT":
        return errors.StreamVersionConflict("account-1", 5, 6)
    return BY_CODE[code]()


def test_every_code_of_the_contract_has_one_class_and_no_other_exists():
    assert {code: cls.status for code, cls in BY_CODE.items()} == STATUS_OF_CODE
    assert len(MdbError.__subclasses__()) == len(BY_CODE)


@pytest.mark.parametrize("code", STATUS_OF_CODE)
def test_an_error_without_arguments_says_what_is_wrong_in_one_line(code):
    error = make(code)
    assert str(error) == error.message
    assert error.message
    assert "\n" not in error.message
    assert not error.message.endswith(".")


@pytest.mark.parametrize("code", STATUS_OF_CODE)
def test_the_body_of_an_error_has_code_message_and_an_object_of_details(code):
    error = make(code)
    body = json.loads(error.to_json())
    assert body == {"error": error.to_object()}
    assert set(body["error"]) == {"code", "message", "details"}
    assert body["error"]["code"] == code
    assert isinstance(body["error"]["details"], dict)


def test_the_default_message_is_the_first_sentence_of_the_class():
    assert errors.NamespaceExists().message == "The namespace exists already"
    assert errors.DeadlinePassed().message.startswith("The deadline passed")


def test_an_own_message_details_and_retry_after_are_kept():
    error = errors.PositionExists("line 3", details={"line": 3}, retry_after=7)
    assert (error.message, error.details, error.retry_after) == ("line 3", {"line": 3}, 7)


def test_details_are_a_copy_of_what_was_given():
    given = {"a": 1}
    error = errors.NotFound(details=given)
    given["b"] = 2
    assert error.details == {"a": 1}


def test_an_invalid_request_names_the_place_and_the_item():
    error = errors.InvalidRequest("bad", path="$[2].type", index=3, details={"limit": 5})
    assert error.details == {"limit": 5, "path": "$[2].type", "index": 3}


def test_a_version_conflict_has_message_dbs_text_and_the_values():
    error = errors.StreamVersionConflict("account-1", 5, 6)
    assert error.message == "Wrong expected version: 5 (Stream: account-1, Stream Version: 6)"
    assert error.details == {"stream": "account-1", "expected": 5, "actual": 6}
    assert errors.StreamVersionConflict("a", 0, -1, index=2).details["index"] == 2


def test_an_id_conflict_names_the_item():
    assert errors.MessageIdConflict(index=0).details == {"index": 0}


def test_an_uncertain_write_names_its_ids_as_text():
    one, two = uuid.uuid4(), uuid.uuid4()
    error = errors.WriteUncertain([one.bytes, str(two)])
    assert json.loads(error.to_json())["error"]["details"] == {"ids": [str(one), str(two)]}
    assert errors.WriteUncertain().details == {"ids": []}


@pytest.mark.parametrize("cls", [errors.Overloaded, errors.BackendUnavailable])
def test_what_may_be_retried_unchanged_says_when(cls):
    assert cls().retry_after >= 1
    assert cls(retry_after=9).retry_after == 9


def test_other_errors_give_no_time_to_retry():
    assert errors.InvalidRequest().retry_after is None


def test_a_method_not_allowed_lists_those_that_are():
    assert errors.MethodNotAllowed(allow=["GET", "HEAD"]).allow == ("GET", "HEAD")


def test_a_message_with_a_lone_surrogate_still_becomes_json():
    body = errors.InvalidRequest("bad name \ud800", path="$[1]").to_json()
    assert json.loads(body)["error"]["details"] == {"path": "$[1]"}


def test_errors_have_messages_where_docstrings_are_stripped(tmp_path):
    # python -OO drops docstrings, and with them the default messages.
    import subprocess

    done = subprocess.run(
        [sys.executable, "-OO", "-c", "from mdb.core.errors import *; print(NotFound().message)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "NOT_FOUND"
