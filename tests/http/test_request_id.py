"""The id a client may choose for its request."""

import pytest

from mdb.http.request_id import fresh_request_id, sane_request_id


@pytest.mark.parametrize("candidate", ["a", "!~", "3f2c-11", "x" * 128])
def test_visible_ascii_is_kept(candidate):
    assert sane_request_id(candidate) == candidate


@pytest.mark.parametrize("candidate", [None, "", "a b", "a\n", "a\x7f", "\u00e9", "x" * 129])
def test_anything_else_is_not(candidate):
    assert sane_request_id(candidate) is None


def test_fresh_ones_are_sane_and_differ():
    made = {fresh_request_id() for _ in range(1000)}
    assert len(made) == 1000
    assert all(sane_request_id(one) == one for one in made)
