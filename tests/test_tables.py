"""Tables on a terminal: nothing wider than it, no column too narrow to read, no word of a cell lost, in any script."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from capi2kit.render.parts import Column, Table
from capi2kit.render.tables import LEAST, fit, fold, print_table, stacked, table_lines
from capi2kit.render.wrapping import command, wrapped

CELLS = st.text(st.sampled_from("ab cdé中文אب/\\.-_:=0123456789"), max_size=60).map(str.strip)
URL = "http://crl.contoso.example/pki/ContosoCodeSigningCA2.crl"


@given(CELLS, st.integers(2, 80))
def test_folding_loses_nothing_and_fits(text, width):
    lines = fold(text, width)
    assert all(cell_len(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("one two three", 8, ["one two", "three"]),
        (URL, 30, ["http://crl.contoso.example/", "pki/ContosoCodeSigningCA2.crl"]),
        (r"C:\Program Files\App\bin\Contoso.dll", 20, ["C:\\Program Files\\", "App\\bin\\Contoso.dll"]),
        ("中文服务器", 4, ["中文", "服务", "器"]),
        ("", 5, [""]),
    ],
)
def test_where_a_cell_is_cut(text, width, lines):
    assert fold(text, width) == lines


@given(st.lists(st.lists(CELLS, min_size=4, max_size=4), min_size=1, max_size=6), st.integers(40, 200))
def test_a_table_fits_and_keeps_its_words(rows, width):
    columns = [Column("first"), Column("second", number=True), Column("third", spare=2), Column("fourth", spare=1)]
    lines = table_lines(Table(columns, rows), width=width)
    assert all(cell_len(line) <= width for line in lines)
    if width >= 160:  # all columns are there
        text = "".join("".join(lines).split())
        assert all("".join(cell.split())[:1] in text for row in rows for cell in row)


@given(st.lists(st.lists(CELLS, min_size=3, max_size=3), min_size=1, max_size=5), st.integers(40, 160))
def test_no_column_is_narrower_than_its_longest_word_or_the_least(rows, width):
    columns = [Column("first"), Column("second"), Column("third", spare=1)]
    lines = [[column.heading for column in columns], *rows]
    chosen, widths = fit(columns, lines, width=width)
    for i, size in zip(chosen, widths, strict=True) if widths else ():
        longest = max(cell_len(word) for line in lines for word in line[i].split() or [""])
        assert size >= min(longest, LEAST)


def test_what_can_be_spared_is_left_out_before_anything_is_squeezed():
    columns = [Column("name"), Column("middle", spare=1), Column("note", spare=2)]
    rows = [["a" * 20, "b" * 20, "c" * 20]]
    shown = {width: table_lines(Table(columns, rows), width=width)[0].split() for width in (80, 50, 30)}
    assert shown == {80: ["name", "middle", "note"], 50: ["name", "middle"], 30: ["name"]}


def test_what_does_not_fit_side_by_side_is_stacked():
    columns = [Column("server", whole=True), Column("seconds", number=True), Column("address", whole=True)]
    rows = [["crl.contoso.example", "15.0 s", URL]]
    lines = table_lines(Table(columns, rows), width=60)
    assert lines == ["crl.contoso.example", "  seconds: 15.0 s", "  address:", f"    {URL}"]
    assert list(stacked(["a", "b"], [["x", " "]], chosen=[0, 1], width=40)) == [["x"]]


def test_a_table_without_rows_is_its_heading_and_colour_is_not_in_a_file():
    file = io.StringIO()
    print_table(Table([Column("a"), Column("b")], [["1", "2"]]), console=Console(file=file, width=40))
    assert file.getvalue() == "a  b\n1  2\n"


@pytest.mark.parametrize(
    ("shell", "end"), [("ps", " `"), ("cmd", " ^")], ids=["PowerShell", "cmd"]
)  # fmt: skip
def test_a_command_goes_on_as_its_shell_allows(shell, end):
    text = 'Invoke-WebRequest -Uri "http://crl.test/a b/x.crl" -OutFile C:\\Temp\\x.crl -UseBasicParsing'
    lines = command(text, width=50, shell=shell)
    assert all(line.endswith(end) for line in lines[:-1]) and len(lines) > 1
    assert " ".join(line.removesuffix(end).strip() for line in lines) == text
    assert any('"http://crl.test/a b/x.crl"' in line for line in lines), "what is quoted is not cut"


def test_a_sentence_keeps_its_indent():
    assert wrapped("one two three", width=10, first="- ", rest="  ") == ["- one two", "  three"]
