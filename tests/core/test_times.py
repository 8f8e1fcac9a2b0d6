"""Times: integers of microseconds and their texts."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdb.core.errors import InvalidRequest
from mdb.core.times import MAX_TIME, MIN_TIME, iso_micros, iso_millis, parse_time

any_time = st.integers(MIN_TIME, MAX_TIME)


@pytest.mark.parametrize(
    ("us", "millis", "micros"),
    [
        (0, "1970-01-01T00:00:00.000Z", "1970-01-01T00:00:00.000000Z"),
        (-1, "1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999999Z"),
        (1_999, "1970-01-01T00:00:00.001Z", "1970-01-01T00:00:00.001999Z"),
        (1768473000123999, "2026-01-15T10:30:00.123Z", "2026-01-15T10:30:00.123999Z"),
        (951782400000000, "2000-02-29T00:00:00.000Z", "2000-02-29T00:00:00.000000Z"),
        (MIN_TIME, "0001-01-01T00:00:00.000Z", "0001-01-01T00:00:00.000000Z"),
        (MAX_TIME, "9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999999Z"),
    ],
)
def test_a_time_is_cut_to_milliseconds_and_kept_to_microseconds(us, millis, micros):
    assert iso_millis(us) == millis
    assert iso_micros(us) == micros
    assert parse_time(micros) == us


@given(any_time)
def test_every_microsecond_goes_there_and_back(us):
    assert parse_time(iso_micros(us)) == us
    assert parse_time(iso_millis(us)) == us - us % 1000


@given(any_time, any_time)
def test_the_texts_are_in_the_order_of_the_times(a, b):
    assert (iso_micros(a) < iso_micros(b)) == (a < b)


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-15T10:30:00Z",
        "2026-01-15t10:30:00.0z",
        "2026-01-15T10:30:00+00:00",
        "2026-01-15T10:30:00-00:00",
        "2026-01-15T12:30:00+02:00",
        "2026-01-15T12:30:00+0200",
        "2026-01-15T12:30:00+02",
        "2026-01-15T05:00:00-05:30",
        "2026-01-16T10:29:00,000+23:59",
    ],
)
def test_offsets_and_forms_of_one_moment(text):
    expected = datetime(2026, 1, 15, 10, 30, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    assert parse_time(text) == expected // timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("decimals", "us"), [("1", 100_000), ("000001", 1), ("123456789", 123_456), ("9" * 9, 999_999)]
)
def test_six_decimals_are_kept_and_later_ones_cut(decimals, us):
    assert parse_time(f"1970-01-01T00:00:00.{decimals}Z") == us


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-01-15",
        "2026-01-15T10:30:00",
        "2026-01-15 10:30:00Z",
        "2026-01-15T10:30Z",
        "2026-01-15T10:30:00.Z",
        "2026-13-15T10:30:00Z",
        "2026-02-29T10:30:00Z",
        "2026-01-15T24:00:00Z",
        "2026-01-15T23:59:60Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "2026-01-15T10:30:00+24:00",
        "2026-01-15T10:30:00+00:60",
        "12026-01-15T10:30:00Z",
        "2026-01-15T10:30:00Z\n",
        " 2026-01-15T10:30:00Z",
        "٢٠٢٦-01-15T10:30:00Z",
        "1768473000",
        "now",
    ],
)
def test_another_text_is_refused_with_its_place(text):
    with pytest.raises(InvalidRequest) as caught:
        parse_time(text, "since")
    assert caught.value.details == {"path": "since"}
