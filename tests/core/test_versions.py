"""Expected versions of one write."""

import pytest

from mdb.core.errors import InvalidRequest
from mdb.core.messages import VersionConflict
from mdb.core.versions import first_conflict, merge_expected


def test_each_stream_is_expected_once_in_order_of_mention():
    wanted = [("b", 3, "$"), ("a", None, "$"), ("a", -1, "$"), ("b", 3, "$"), ("c", None, "$")]
    assert merge_expected(wanted) == (("b", 3), ("a", -1))


def test_two_versions_of_one_stream_must_agree():
    with pytest.raises(InvalidRequest) as caught:
        merge_expected([("a", 3, "$[1]"), ("b", 1, "$[1]"), ("a", 4, "$[2].check")])
    assert caught.value.details == {"path": "$[2].check"}
    assert "do not agree" in caught.value.message


@pytest.mark.parametrize("version", [-2, 2**63])
def test_a_version_that_no_stream_can_have_is_refused(version):
    with pytest.raises(InvalidRequest) as caught:
        merge_expected([("a", version, "$[3]")])
    assert caught.value.details == {"path": "$[3]"}


def test_the_first_stream_at_another_version_is_the_conflict():
    current = {"a": 1, "b": 2}
    expect = (("a", 1), ("new", -1), ("b", 0), ("c", 5))
    conflict = first_conflict(expect, lambda s: current.get(s, -1))
    assert conflict == VersionConflict("b", 0, 2)


def test_no_conflict_where_every_stream_is_as_expected():
    assert first_conflict((("a", -1),), lambda _: -1) is None
