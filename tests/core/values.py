"""JSON values for property tests, and how another parser reads them."""

import json
from decimal import Decimal

from hypothesis import strategies as st


def value_of(raw):
    """The value as another parser sees it, numbers as exact decimals."""
    return json.loads(raw, parse_int=Decimal, parse_float=Decimal)


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_characters="\0", codec="utf-8")),
)
keys = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=5)
values = st.recursive(scalars, lambda v: st.lists(v) | st.dictionaries(keys, v), max_leaves=30)
