"""The depth of JSON, told from its bytes."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdb.core.jsondepth import deeper_than

texts = st.text('[]{}"\\a,:', max_size=6)
trees = st.recursive(
    texts | st.integers(0, 9),
    lambda t: st.lists(t, max_size=4) | st.dictionaries(texts, t, max_size=4),
    max_leaves=60,
)


def depth_of(value):
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return 1 + max(map(depth_of, value), default=0)
    return 0


@given(trees, st.integers(1, 40), st.booleans())
def test_depth_is_counted_exactly_whatever_the_strings_hold(tree, width, indent):
    value = [tree] * width
    raw = json.dumps(value, indent=1 if indent else None).encode()
    exact = depth_of(value)
    assert deeper_than(raw, exact - 1)
    assert not deeper_than(raw, exact)
    assert not deeper_than(raw, exact + 1)


@pytest.mark.parametrize("levels", [1, 2, 63, 64, 65, 256, 300_000])
def test_a_chain_is_as_deep_as_it_is_long(levels):
    for chain in (b"[" * levels + b"]" * levels, b'{"[":' * levels + b"1" + b"}" * levels):
        assert deeper_than(chain, levels - 1)
        assert not deeper_than(chain, levels)


@pytest.mark.parametrize("raw", [b"1", b'"[[["', b'"\\"[[["', b'"\\\\"', b"null", b'"["'])
def test_a_scalar_has_no_depth(raw):
    assert not deeper_than(raw, 0)


@given(st.binary(max_size=60), st.integers(0, 3))
def test_bytes_that_are_no_json_do_no_harm(raw, limit):
    assert deeper_than(raw, limit) in (True, False)
