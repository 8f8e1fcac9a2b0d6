"""The 64-bit hash and the members of consumer groups agree with Message DB."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.vectors import load
from mdb.core.hash64 import cardinal_hash, hash_64, member_of
from mdb.core.names import cardinal_id, category

SMALLEST = -(2**63)


@pytest.mark.parametrize("vector", load("hash_64"), ids=lambda v: ascii(v["value"]))
def test_the_hash_of_a_text_is_message_dbs(vector):
    assert hash_64(vector["value"]) == vector["hash_64"]
    assert hash_64(category(vector["value"])) == vector["acquire_lock"]
    assert abs(hash_64(vector["value"])) == vector["abs"]


@pytest.mark.parametrize("vector", load("names"), ids=lambda v: ascii(v["stream_name"])[:30])
def test_the_hashes_of_a_names_parts_are_message_dbs(vector):
    name = vector["stream_name"]
    assert hash_64(name) == vector["hash_64"]
    assert hash_64(category(name)) == vector["hash_64_of_category"]
    assert cardinal_hash(name) == vector["hash_64_of_cardinal_id"]


@pytest.mark.parametrize("vector", load("consumer_groups"), ids=lambda v: ascii(v["stream_name"]))
def test_a_stream_belongs_to_the_member_that_message_db_gave_it_to(vector):
    hashed = cardinal_hash(vector["stream_name"])
    assert cardinal_id(vector["stream_name"]) == vector["cardinal_id"]
    assert hashed == vector["hash_64"]
    members = {} if hashed is None else {str(n): member_of(hashed, n) for n in (1, 2, 3, 4, 5, 8)}
    assert members == vector["member_by_size"]


def test_a_stream_without_an_id_has_no_hash_and_one_with_an_empty_id_has():
    assert cardinal_hash("account") is None
    assert cardinal_hash("account-") == hash_64("")


@given(st.integers(SMALLEST, 2**63 - 1), st.integers(1, 32767))
def test_the_member_is_the_absolute_value_of_sqls_remainder(value, size):
    remainder = value - size * (abs(value) // size) * (1 if value >= 0 else -1)  # truncated
    assert member_of(value, size) == abs(remainder)
    assert 0 <= member_of(value, size) < size


def test_the_smallest_hash_has_a_member():
    assert member_of(SMALLEST, 3) == 2**63 % 3
    assert member_of(SMALLEST, 8) == 0
