"""Words: one way to say a value, no digit that its bounds do not allow, and text from a log that cannot act."""

import math

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capi2kit import words

DAY = 86_400.0


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0, "0 s"),
        (0.004, "under 0.01 s"),
        (0.005, "0.01 s"),
        (0.32, "0.32 s"),
        (0.994, "0.99 s"),
        (0.995, "1.0 s"),
        (14.2, "14.2 s"),
        (99.94, "99.9 s"),
        (99.95, "1 min 40 s"),
        (470.12, "7 min 50 s"),
        (7199.4, "119 min 59 s"),
        (7200, "2 h 0 min"),
        (11_100, "3 h 5 min"),
        (-14.2, "-14.2 s"),
        (None, "–"),
        (pd.NA, "–"),
        (math.nan, "–"),
    ],
)
def test_a_duration_is_written_in_one_way(value, said):
    assert words.seconds(value) == said


@pytest.mark.parametrize(
    ("value", "upper", "lower"),
    [
        (15.004, "at most 15.1 s", "at least 15.0 s"),
        (15.0, "at most 15.0 s", "at least 15.0 s"),
        (0.266, "at most 0.27 s", "at least 0.26 s"),
        (470.2, "at most 7 min 51 s", "at least 7 min 50 s"),
        (0, "at most 0.00 s", "at least 0.00 s"),
        (math.nan, "at most –", "at least –"),
    ],
)
def test_an_upper_bound_is_never_rounded_down_nor_a_lower_one_up(value, upper, lower):
    assert (words.at_most(value), words.at_least(value)) == (upper, lower)


@pytest.mark.parametrize(
    ("value", "low", "high", "quality", "said"),
    [
        (14.19, 14.17, 14.21, "exact", "14.2 s"),
        (14.19, 14.17, 14.21, "bounded", "14.2 s"),
        (8.0, 7.9, 8.2, "bounded", "about 8 s"),
        (470.1, 469.4, 470.9, "bounded", "about 7 min 50 s"),
        (7.0, 6.1, 7.9, "bounded", "6.1 to 7.9 s"),
        (12.0, 8.2, 14.7, "bounded", "8 to 15 s"),
        (0.3, 0.21, 0.42, "bounded", "0.21 to 0.42 s"),
        (300.0, 200.0, 400.0, "bounded", "3 min 20 s to 6 min 40 s"),
        (15.0, 0.0, 15.016, "bounded", "at most 15.1 s"),
        (15.0, 0.7, 15.016, "bounded", "at most 15.1 s"),  # nothing that a reader could use bounds it from below
        (5.04, 5.02, math.nan, "bounded", "at least 5.0 s"),
        (5.04, math.nan, math.nan, "bounded", "at least 5.0 s"),
        (pd.NA, 0.0, 15.016, "unknown", "unknown, at most 15.1 s"),
        (pd.NA, pd.NA, pd.NA, "unknown", "unknown"),
        (pd.NA, pd.NA, pd.NA, pd.NA, "unknown"),
    ],
)
def test_a_duration_has_no_more_digits_than_its_bounds_allow(value, low, high, quality, said):
    assert words.duration(value, low=low, high=high, quality=quality) == said


def in_seconds(text: str) -> float:
    units = {"h": 3600, "min": 60, "s": 1}
    cells = text.split()
    return sum(float(number) * units[unit] for number, unit in zip(cells[::2], cells[1::2], strict=True))


@given(st.floats(0.01, DAY))
def test_bounds_in_words_enclose_the_value(value):
    assert in_seconds(words.at_least(value).removeprefix("at least ")) <= value + 1e-5
    high = in_seconds(words.at_most(value).removeprefix("at most "))
    assert high >= value - 1e-5 or value > 7200  # hours are written to the minute


@given(st.floats(0.005, 7000.0))
def test_a_duration_in_words_is_near_the_value(value):
    half_a_digit = 0.005 if value < 0.995 else 0.05 if value < 99.95 else 0.5
    assert abs(in_seconds(words.seconds(value)) - value) <= half_a_digit + 1e-9


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("evil\u202egpj.exe", "evil\\u202egpj.exe"),
        ("a\tb\nc", "a\\tb\\nc"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("tag\U000e0041", "tag\\U000e0041"),
        ("half\ud800", "half\\ud800"),
        ("e\u0301", "\u00e9"),
        (None, "–"),
        (pd.NA, "–"),
        (4120, "4120"),
    ],
)
def test_what_acts_on_a_reader_is_shown(text, said):
    assert words.visible(text) == said


def test_a_spoofed_name_looks_the_same_in_a_chart_and_in_a_table():
    name = "C:\\Temp\\evil\u202egpj.exe"
    assert words.short(name, 80) == words.visible(name)
    assert words.file_name(name) == "evil\\u202egpj.exe"
    assert words.label("  a \u00a0 b ") == "a b"
    assert words.label(pd.NA) == ""


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        (r"C:\Windows\System32\a.dll", 40, r"C:\Windows\System32\a.dll"),
        (r"C:\0ac98c765dad2380ea907e\NDP46-KB3142037.msp", 30, r"C:\…\NDP46-KB3142037.msp"),
        (r"C:\one\two\three\four\a.dll", 20, r"C:\…\four\a.dll"),
        (r"\\server\share\folder\folder\a.dll", 24, r"\\server\…\folder\a.dll"),
        ("http://crl.test/pki/crl/products/MicRooCerAut2011.crl", 44, "http://crl.test/…/MicRooCerAut2011.crl"),
        ("NDP46-KB3142037.msp", 12, "NDP46-K….msp"),
        (f"C:\\{'x' * 300}.dll", 30, f"C:\\…\\{'x' * 20}….dll"),
        ("CN=" + "y" * 300, 30, f"CN={'y' * 17}…{'y' * 9}"),
        ("a\r\nb\x00\x1b[0m\u202ec\ud800", 40, "a b\\x00\\x1b[0m\\u202ec\\ud800"),
        (pd.NA, 10, ""),
    ],
)
def test_long_texts_are_cut_in_the_middle(text, width, expected):
    cut = words.short(text, width)
    assert len(cut) <= width
    assert cut == expected


@given(st.text(max_size=80), st.integers(8, 60))
def test_a_shortened_name_is_never_wider_than_asked(name, width):
    assert len(words.short(name, width)) <= width


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [(100.0, 100.0, "1 min 40 s"), (99.0, 101.0, "about 1 min 40 s"), (50.0, 102.5, "50.0 s to 1 min 43 s")],
)
def test_a_claim_is_hedged_by_what_its_bounds_leave(low, high, said):
    assert words.waited({"waiting_wall_s": 100.0, "waiting_low_s": low, "waiting_high_s": high}) == said


@pytest.mark.parametrize(
    ("names", "said"),
    [(["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c"), (list("abcd"), "a, b and 2 more servers")],
)  # fmt: skip
def test_names_beyond_three_are_counted(names, said):
    assert words.listed(names, "server") == said


def test_moments_accounts_codes_and_clocks():
    assert words.moment(pd.Timestamp("2016-07-22 16:36:41.1486", tz="UTC")) == "2016-07-22 16:36:41.148Z"
    assert words.moment(pd.Timestamp("2016-07-22", tz="UTC"), "Europe/Berlin", digits=0) == "2016-07-22 02:00:00+02:00"
    assert words.moment(pd.NaT) == "–"
    assert words.who("S-1-5-20") == "S-1-5-20 (NETWORK SERVICE)"
    assert words.who(pd.NA) == "–"
    assert words.code(0x80092013).startswith("0x80092013")
    assert words.code(pd.NA) == "–"
    assert [words.clock(offset) for offset in (-384.2, 1.9, 16, 7200, None)] == [
        "384 s slow",
        "right ±2 s",
        "16 s fast",
        "120 min fast",
        "–",
    ]


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        (0, "0"),
        (0x2F94, "0x80072F94 ERROR_WINHTTP_AUTODETECTION_FAILED"),
        (0x80092013, "0x80092013 CRYPT_E_REVOCATION_OFFLINE"),
    ],
)
def test_a_code_is_shown_with_its_symbol(code, shown):
    assert words.code(code) == shown


@pytest.mark.parametrize(
    ("numbers", "said"), [([7], "line 7"), ([3, 4], "lines 3, 4"), ([3, 4, 9, 10, 11], "lines 3, 4, 9 and 2 more")]
)
def test_numbers_are_named_one_by_one_up_to_a_limit(numbers, said):
    assert words.numbered(numbers, "line", most=3) == said
