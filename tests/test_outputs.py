"""Outputs: one report in seven formats: each opens again, says the same, and hostile text in it cannot act."""

from __future__ import annotations

import io
import json
import re
import zipfile
from dataclasses import replace
from pathlib import Path

import docx
import jsonschema
import pytest
import scenarios
from docx.oxml.ns import qn
from lxml import etree, html
from markdown_it import MarkdownIt
from unpacked import pdf_text

import capi2kit as c2
from capi2kit.case import records_xml
from capi2kit.render import OUTPUTS, extras
from capi2kit.render.edition import Packed, read_edition
from capi2kit.render.markdown import escaped
from capi2kit.render.report import Record, assemble, left_out, numbers_in

SAMPLES = Path(__file__).parent / "samples"
SCHEMA = json.loads((Path(__file__).parents[1] / "docs" / "report.schema.json").read_text(encoding="utf-8"))
FORMATS = sorted(OUTPUTS)
CUSTOMER = {
    "title": "Why it is slow",
    "client": "Contoso AG",
    "case": "2026-017",
    "examiner": "A. N. Other",
    "date": "2026-11-27",
}


def has_pango() -> bool:
    try:
        import weasyprint  # noqa: F401
    except (ImportError, OSError):
        return False
    return True


needs_pango = pytest.mark.skipif(not has_pango(), reason="WeasyPrint needs Pango: apt-get install libpangoft2-1.0-0")
EACH = [pytest.param(ending, marks=[needs_pango, pytest.mark.slow] if ending == ".pdf" else []) for ending in FORMATS]


@pytest.fixture(scope="module")
def analysis(small_log):
    return c2.analyse(c2.load(small_log))


@pytest.fixture(scope="module")
def logo(tmp_path_factory):
    from PIL import Image

    path = tmp_path_factory.mktemp("logo") / "logo.png"
    Image.new("RGB", (120, 40), "navy").save(path)
    return path


@pytest.fixture(scope="module")
def notes(tmp_path_factory):
    path = tmp_path_factory.mktemp("notes") / "notes.md"
    path.write_text(
        "# Scope\nOne **server** only, see [the ticket](http://t.example/1).\n\n- nothing changed\n\n```\nwevtutil epl\n```\n"
        "<script>alert(1)</script>\n",
        encoding="utf-8",
    )
    return path


@pytest.fixture(scope="module")
def customer(analysis, logo, notes, tmp_path_factory):
    """The customer's edition of the small log, in each format but PDF, which takes longer."""
    folder = tmp_path_factory.mktemp("customer")
    made = {}
    for ending in FORMATS:
        if ending != ".pdf":
            path = folder / f"report{ending}"
            c2.save(analysis, path, **CUSTOMER, logo=logo, notes=notes)
            made[ending] = path.read_bytes()
    return made


def text_of(content: bytes, ending: str) -> str:
    """What a person reads in a report, with single blanks."""
    if ending == ".html":
        text = html.fromstring(content.decode("utf-8")).text_content()
    elif ending == ".pdf":
        return pdf_text(content)
    elif ending == ".docx":
        body = docx.Document(io.BytesIO(content)).element.body
        text = " ".join("".join(t.text or "" for t in p.iter(qn("w:t"))) for p in body.iter(qn("w:p"))).replace(
            "\u200b", ""
        )
    elif ending == ".xlsx":
        text = " ".join(cells(content, "Summary"))
    elif ending == ".md":
        rendered = MarkdownIt("commonmark").enable("table").render(content.decode("utf-8"))
        text = html.fromstring(f"<div>{rendered}</div>").text_content()
    elif ending == ".json":
        text = json.dumps(json.loads(content)["answer"], ensure_ascii=False)
    else:
        text = content.decode("utf-8")
    return " ".join(text.split())


def cells(content: bytes, sheet: str) -> list[str]:
    """The texts of a sheet, row by row."""
    return [text for row in rows_of(content, sheet) for text in row.values()]


def rows_of(content: bytes, sheet: str) -> list[dict[str, str]]:
    """The rows of a sheet: column letter -> value as it is stored."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        texts = ["".join(si.itertext()) for si in etree.fromstring(archive.read("xl/sharedStrings.xml"))]
        names = [one.get("name") for one in etree.fromstring(archive.read("xl/workbook.xml")).iter("{*}sheet")]
        tree = etree.fromstring(archive.read(f"xl/worksheets/sheet{names.index(sheet) + 1}.xml"))
    assert not list(tree.iter("{*}f"))  # no formula
    rows = []
    for row in tree.iter("{*}row"):
        found = {}
        for cell in row:
            value = cell.findtext("{*}v", "")
            found[re.sub(r"\d", "", cell.get("r"))] = texts[int(value)] if cell.get("t") == "s" else value
        rows.append(found)
    return rows


@pytest.mark.parametrize("ending", EACH)
def test_every_format_says_the_answer(analysis, ending, tmp_path):
    said = c2.save(analysis, tmp_path / f"report{ending}")
    assert len(said) == 1 and re.search(r"\d+ sections, \d+ tables, \d+ exhibits", said[0])
    text = text_of((tmp_path / f"report{ending}").read_bytes(), ending)
    assert " ".join(c2.headline(analysis).split()) in text
    assert "WEB01" in text


@pytest.mark.parametrize("ending", EACH)
def test_a_report_is_the_same_bytes_each_time(analysis, ending, logo, notes, tmp_path):
    made = []
    for name in ("one", "two"):
        c2.save(analysis, tmp_path / f"{name}{ending}", **CUSTOMER, logo=logo, notes=notes)
        made.append((tmp_path / f"{name}{ending}").read_bytes())
    assert made[0] == made[1]


@pytest.mark.parametrize("ending", [one for one in EACH if one.values[0] not in (".xlsx", ".txt", ".json")])
def test_the_customers_edition_has_cover_custody_method_limits_glossary_and_records(
    customer, ending, analysis, notes, tmp_path
):
    if ending == ".pdf":
        c2.save(analysis, tmp_path / "report.pdf", **CUSTOMER, notes=notes)
        customer = customer | {".pdf": (tmp_path / "report.pdf").read_bytes()}
    text = text_of(customer[ending], ending)
    for said in (*CUSTOMER.values(), "Notes of the examiner", "One server only", "How this was measured"):
        assert said in text, said
    for said in ("What this report cannot show", "Custody of the evidence", "Examined by A. N. Other", "on 2026-11-27"):
        assert said in text, said
    for said in (
        "Glossary",
        "Certificate revocation list: the list of certificates",
        "Appendix: records cited",
        "EventRecordID",
    ):
        assert said in text, said
    assert re.search(r"Exhibit 1\W", text) and re.search(r"Table 1\W", text) and "Where to look:" in text


def test_custody_names_each_file_with_hash_size_records_and_losses(analysis, small_log):
    report = assemble(analysis, edition=read_edition(client="X", day="2026-11-27"), xml=lambda events: {})
    table = next(section for section in report.sections if section.name == "custody").table
    (row,) = table.rows
    source = analysis.case.sources.iloc[0]
    assert row[0] == str(small_log) and row[1] == f"{small_log.stat().st_size:,}" and row[2] == source["sha256"]
    assert row[3].startswith("1, 2016-02-15") and row[4].startswith("12, 2016-02-15")
    assert row[5] == "12 = 12 + 0 + 0 + 0"


def test_exhibits_and_tables_are_numbered_and_cited(analysis):
    report = assemble(analysis)
    charts = [chart.number for section in report.sections for chart in section.charts]
    tables = [section.table.number for section in report.sections if section.table and section.table.rows]
    assert charts == list(range(1, len(charts) + 1)) and tables == list(range(1, len(tables) + 1))
    cited = {int(number) for number in re.findall(r"Exhibit (\d+)", report.look)}
    assert cited and cited <= set(charts)


def test_the_glossary_has_the_terms_that_are_used_and_no_others(analysis):
    report = assemble(analysis, edition=read_edition(client="X"), xml=lambda events: {})
    terms = {row[0] for row in next(one for one in report.sections if one.name == "glossary").table.rows}
    assert {"CRL", "timeout", "retrieval"} <= terms and "WPAD" not in terms and "benign" not in terms


def test_the_appendix_holds_the_cited_records_and_prints_a_few(analysis):
    report = assemble(analysis, edition=read_edition(client="X"), xml=lambda events: records_xml(analysis.case, events))
    appendix = next(section for section in report.sections if section.name == "appendix")
    cited = {record.event for _, records in report.records for record in records}
    assert {card.name for card in appendix.cards} == {f"record-{event}" for event in cited}
    assert 0 < sum(card.printed for card in appendix.cards) <= len(appendix.cards)
    assert all("<EventRecordID>" in card.aspects[0][1][0].text for card in appendix.cards)


def test_a_word_report_has_headings_captions_contents_and_alternative_texts(customer):
    document = docx.Document(io.BytesIO(customer[".docx"]))
    styles = [paragraph.style.name for paragraph in document.paragraphs]
    assert styles.count("Heading 1") >= 8 and styles.count("Caption") >= 5 and "Title" in styles
    fields = "".join(text.text or "" for text in document.element.body.iter(qn("w:instrText")))
    assert 'TOC \\o "1-2"' in fields and "SEQ Exhibit" in fields and "SEQ Table" in fields
    anchors = {link.get(qn("w:anchor")) for link in document.element.body.iter(qn("w:hyperlink"))}
    marks = {mark.get(qn("w:name")) for mark in document.element.body.iter(qn("w:bookmarkStart"))}
    assert anchors and anchors <= marks
    shown = [shape._inline.docPr.get("descr") for shape in document.inline_shapes]
    assert shown[0] == "Logo" and all(shown) and any("w3wp.exe" in text for text in shown[1:])
    repeated = [
        row for table in document.tables for row in table.rows if row._tr.find(f".//{qn('w:tblHeader')}") is not None
    ]
    assert len(repeated) == len(document.tables)


def test_a_template_gives_styles_page_and_headers_and_loses_its_text(analysis, tmp_path):
    template = docx.Document()
    template.add_paragraph("PLEASE DELETE THIS")
    template.sections[0].header.paragraphs[0].text = "Contoso letterhead"
    template.styles["Heading 1"].font.name = "Impact"
    template.save(tmp_path / "template.docx")
    c2.save(analysis, tmp_path / "report.docx", template=tmp_path / "template.docx")
    made = docx.Document(tmp_path / "report.docx")
    assert made.sections[0].header.paragraphs[0].text == "Contoso letterhead"
    assert made.styles["Heading 1"].font.name == "Impact"
    assert "PLEASE DELETE" not in text_of((tmp_path / "report.docx").read_bytes(), ".docx")


@pytest.mark.parametrize("lacks", ["Heading 1", "Caption", "Table Grid", "List Bullet", "Title", "Subtitle"])
def test_a_template_that_lacks_a_style_gets_it(analysis, lacks, notes, tmp_path):
    template = docx.Document()
    style = template.styles[lacks].element
    style.getparent().remove(style)
    template.save(tmp_path / "template.docx")
    c2.save(analysis, tmp_path / "report.docx", template=tmp_path / "template.docx", notes=notes)
    made = docx.Document(tmp_path / "report.docx")
    assert lacks in [style.name for style in made.styles]


def test_a_template_whose_styles_are_of_another_kind_is_used_all_the_same(analysis, tmp_path):
    from docx.enum.style import WD_STYLE_TYPE

    template = docx.Document()
    style = template.styles["Heading 1"].element
    style.getparent().remove(style)
    template.styles.add_style("Heading 1", WD_STYLE_TYPE.CHARACTER, builtin=True)
    template.save(tmp_path / "template.docx")
    c2.save(analysis, tmp_path / "report.docx", template=tmp_path / "template.docx")
    styles = {paragraph.style.name for paragraph in docx.Document(tmp_path / "report.docx").paragraphs}
    assert any("Heading 1" in name for name in styles)


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x05\x06" + bytes(18), b"PK\x03\x04 broken"])
def test_a_template_that_is_no_word_document_is_named(analysis, content, tmp_path):
    (tmp_path / "template.docx").write_bytes(content)
    with pytest.raises(c2.OutputError, match=r"template\.docx: is not a Word document"):
        c2.save(analysis, tmp_path / "report.docx", template=tmp_path / "template.docx")
    assert not (tmp_path / "report.docx").exists()


def test_a_template_for_another_format_is_refused(analysis, tmp_path):
    with pytest.raises(c2.Capi2kitError, match="a template is for"):
        c2.save(analysis, tmp_path / "report.html", template=tmp_path / "template.docx")


@pytest.mark.parametrize(
    ("given", "content", "said"),
    [
        ("logo", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is not a PNG or JPEG picture"),
        ("logo", b"\x89PNG\r\n\x1a\n" + b"\0" * 40, "is not a PNG or JPEG picture"),
        ("logo", b"", "is not a PNG or JPEG picture"),
        ("logo", b"\xff\xd8\xff" + b"\0" * 5_000_001, "larger than"),
        ("notes", b"x" * 1_000_001, "larger than"),
    ],
)
def test_a_logo_or_notes_that_cannot_be_used_are_named(analysis, given, content, said, tmp_path):
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(c2.OutputError, match=said):
        c2.save(analysis, tmp_path / "report.html", **{given: tmp_path / "file"})
    with pytest.raises(c2.OutputError, match="cannot be read"):
        c2.save(analysis, tmp_path / "report.html", **{given: tmp_path / "missing"})


def test_the_date_is_that_of_source_date_epoch_unless_one_is_given(monkeypatch):
    assert read_edition().day == ""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1330000000")
    assert read_edition().day == "2012-02-23" and read_edition(day="2026-11-27").day == "2026-11-27"
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    with pytest.raises(c2.OutputError, match="SOURCE_DATE_EPOCH"):
        read_edition()
    with pytest.raises(c2.OutputError, match="write it as 2026-11-27"):
        read_edition(day="27.11.2026")


def test_notes_are_text_and_keep_their_form(notes):
    blocks = read_edition(notes=notes).notes
    assert [(one.kind, one.text) for one in blocks] == [
        ("heading", "Scope"),
        ("text", "One server only, see the ticket (http://t.example/1)."),
        ("item", "nothing changed"),
        ("code", "wevtutil epl"),
        ("text", "<script>alert(1)</script>"),
    ]


def test_json_keeps_to_its_published_schema(analysis, customer, tmp_path):
    c2.save(analysis, tmp_path / "report.json")
    for content in ((tmp_path / "report.json").read_bytes(), customer[".json"]):
        found = json.loads(content)
        jsonschema.validate(found, SCHEMA)
        assert len(found["tables"]["waits"]["rows"]) == len(analysis.waits) == 2
        names = [column["name"] for column in found["tables"]["waits"]["columns"]]
        assert found["tables"]["waits"]["rows"][0][names.index("wait_s")] == pytest.approx(10.0)


def test_the_schema_can_refuse(analysis, tmp_path):
    c2.save(analysis, tmp_path / "report.json")
    found = json.loads((tmp_path / "report.json").read_bytes())
    del found["answer"]["headline"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(found, SCHEMA)


def test_excel_has_a_sheet_per_table_with_types_and_filters(analysis, tmp_path):
    c2.save(analysis, tmp_path / "report.xlsx")
    content = (tmp_path / "report.xlsx").read_bytes()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = [one.get("name") for one in etree.fromstring(archive.read("xl/workbook.xml")).iter("{*}sheet")]
        waits = etree.fromstring(archive.read(f"xl/worksheets/sheet{names.index('waits') + 1}.xml"))
    assert {"Summary", "About", "findings", "startups", "ledger", "waits", "events", "sources"} <= set(names)
    assert waits.find("{*}autoFilter") is not None
    head, first = rows_of(content, "waits")[:2]
    column = {name: letter for letter, name in head.items()}
    assert float(first[column["wait_s"]]) == pytest.approx(10.0)
    assert 42000 < float(first[column["start"]]) < 43000  # days since 1900, as Excel counts them
    assert first[column["url"]] == "http://crl.example/ca.crl"


HOSTILE = [
    "<script>alert(1)</script>",
    "=cmd|'/c calc'!A1",
    '"><img src=x onerror=alert(1)>',
    "{ INCLUDETEXT c:\\\\secret.txt } $\\frac{1}{0}$ $x",
    "| a | b |\\n# head [x](javascript:alert(1)) `code` ![i](http://evil.example/p.png)",
    "\u202egpj.exe \u200b\ufeff \ufffe",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "A" * 65_000,
]


@pytest.fixture(scope="module")
def hostile(small_log, tmp_path_factory):
    """The small log with text that tries to act in the place of its names."""
    case = c2.load(small_log)
    text = "".join(records_xml(case, case.events["event"]).values())
    folder = tmp_path_factory.mktemp("hostile")
    made = []
    for number, evil in enumerate(HOSTILE):
        shown = evil.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;").replace("\ufffe", "\ufffd")
        story = text.replace("Slow.dll", shown).replace("w3wp.exe", shown[:200]).replace("WEB01", shown[:300])
        story = story.replace("Contoso Code Signing", shown).replace(
            "http://crl.example/ca.crl", f"http://crl.example/{shown}"
        )
        story = story.replace("1CB1FE4B", f"1CB1FE4{number}").replace("1cb1fe4b", f"1cb1fe4{number}")
        (folder / f"{number}.xml").write_text(f"<Events>{story}</Events>", encoding="utf-8")
        made.append(folder / f"{number}.xml")
    return c2.analyse(c2.load(made))


@pytest.mark.parametrize("ending", EACH)
def test_hostile_text_cannot_act_in_any_format(hostile, ending, tmp_path):
    path = tmp_path / f"report{ending}"
    c2.save(hostile, path, client=HOSTILE[0], title=HOSTILE[2], case=HOSTILE[4])
    content = path.read_bytes()
    text = text_of(content, ending)
    assert not re.search("[\u202a-\u202e\u2066-\u2069\ufeff]", text)
    if ending == ".html":
        tree = html.fromstring(content.decode("utf-8"))
        assert not tree.xpath("//script | //img | //@onerror | //@onload | //iframe")
        assert all(link.startswith("#") for link in tree.xpath("//@href"))
    elif ending == ".md":
        rendered = html.fromstring(
            MarkdownIt("gfm-like", {"html": True}).disable("linkify").render(content.decode("utf-8"))
        )
        assert not rendered.xpath("//script | //img | //a")
        assert [len(row) for row in rendered.xpath("//table[1]//tr")] == [2] * len(rendered.xpath("//table[1]//tr"))
    elif ending == ".docx":
        document = docx.Document(io.BytesIO(content))
        codes = {(one.text or "").split()[0] for one in document.element.body.iter(qn("w:instrText"))}
        assert codes == {"TOC", "SEQ"}
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            assert b"External" not in b"".join(
                archive.read(name) for name in archive.namelist() if name.endswith(".rels")
            )
    elif ending == ".xlsx":
        for sheet in ("Summary", "findings", "waits", "events"):
            cells(content, sheet)  # asserts that there is no formula
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            assert not [
                name
                for name in archive.namelist()
                if "hyperlink" in archive.read(name).decode("utf-8", "replace").lower()[:0]
            ]
    elif ending == ".json":
        jsonschema.validate(json.loads(content), SCHEMA)


@pytest.mark.parametrize(
    "evil", [*HOSTILE[:7], "1. not a list", "- not a list", "# no heading", "x@y.example", "http://a.b"]
)
def test_escaped_markdown_is_text(evil):
    rendered = MarkdownIt("gfm-like", {"html": True, "linkify": False}).render(escaped(evil))
    tree = html.fromstring(f"<div>{rendered}</div>")
    assert {element.tag for element in tree.iter()} <= {"div", "p"}
    assert " ".join(tree.text_content().split()) == " ".join(evil.replace("\n", " ").split())


def test_a_missing_package_is_one_clear_sentence(analysis, monkeypatch, tmp_path):
    def gone(name):
        raise ImportError(name)

    monkeypatch.setattr(extras, "import_module", gone)
    for ending, package in ((".docx", "python-docx"), (".pdf", "WeasyPrint"), (".xlsx", "xlsxwriter")):
        with pytest.raises(c2.Capi2kitError, match=rf"need the package {package}: pip install 'capi2kit\[report\]'"):
            c2.save(analysis, tmp_path / f"report{ending}")


def test_a_library_of_the_system_that_is_missing_is_named(analysis, monkeypatch, tmp_path):
    def gone(name):
        raise OSError("cannot load library 'libpango-1.0-0'")

    monkeypatch.setattr(extras, "import_module", gone)
    with pytest.raises(c2.Capi2kitError, match=r"lacks a library of the system \(cannot load library 'libpango"):
        c2.save(analysis, tmp_path / "report.pdf")


@needs_pango
@pytest.mark.slow
def test_a_pdf_loads_nothing_from_elsewhere(monkeypatch, analysis, tmp_path):
    """An address that is not in the page itself is refused by the fetcher that is handed over."""
    from capi2kit.render import pdf

    monkeypatch.setattr(
        pdf, "page", lambda report, more_style: "<img src='file:///etc/passwd'><img src='http://x.example/p.png'>ok"
    )
    c2.save(analysis, tmp_path / "report.pdf")
    assert b"/Image" not in (tmp_path / "report.pdf").read_bytes()


@pytest.fixture(scope="module")
def flagship():
    return scenarios.analysed("sharepoint-drop", None)


def section(report, name):
    return next(one for one in report.sections if one.name == name)


def test_the_summary_for_customers_begins_in_plain_words(flagship):
    first = assemble(flagship, edition=read_edition(client="X")).front.lead[0]
    assert (
        first.startswith("Before Windows trusts a certificate")
        and "No answer came back from these servers, so Windows waited" in first
    )
    assert "This cost w3wp.exe 8 min 15 s of 8 min 23 s." in first and "the same start should take 7 to 13 s" in first
    assert not assemble(flagship).front.lead[0].startswith("Before Windows")  # experts know that


def test_every_server_is_named_with_its_port_and_waits(flagship):
    table = section(assemble(flagship), "servers").table
    waits = flagship.waits
    assert len(table.rows) == waits["url_host"].nunique() == 17
    assert [row[0] for row in table.rows][-1] == "ctldl.windowsupdate.example"  # 15 s, the least
    assert {row[1] for row in table.rows} == {"80"} and sum(int(row[3]) for row in table.rows) == len(waits)
    assert sorted(event for events in table.events for event in events) == sorted(waits["event"])


def test_a_record_of_another_file_is_cited_with_the_name_of_it(flagship):
    report = assemble(flagship)
    shown = numbers_in(report.records)
    files = flagship.case.events.set_index("event")["channel"]
    assert {re.sub(r"\d+ ?", "", shown[event]) for event in shown if files[event] == "Security"} == {"Security"}
    assert all(shown[event].isdigit() for event in shown if files[event].endswith("CAPI2/Operational"))
    assert (
        "one without the name of a file is of Microsoft-Windows-CAPI2%4Operational.evtx."
        in section(report, "findings").prose[-1]
    )


def test_records_of_two_computers_in_one_file_are_of_one_file():
    record = Record(1, "7", "", "", "", "", "", "", [])
    there = [("A, forwarded.evtx", [record]), ("B, forwarded.evtx", [record._replace(event=2, record="8")])]
    assert numbers_in(there) == {1: "7", 2: "8"}
    assert numbers_in([*there, ("B, kit.zip!x-CAPI2%4Operational.evtx", [record._replace(event=3)])])[3] == "7 CAPI2"


def test_what_is_not_printed_is_named_with_its_number(flagship):
    operations = section(assemble(flagship), "operations")
    number = operations.table.number
    assert left_out(operations) == f"Operations (Table {number}): not printed; the HTML file of this report has it."


def test_error_records_that_tell_a_failure_once_more_are_counted(flagship):
    prose = section(assemble(flagship), "errors").prose
    assert len(prose) == 2 and prose[1].startswith(
        "185 of the failed are the late ends of retrievals whose caller had given up"
    )


def test_custody_says_whether_the_evidence_says_who_collected_it(flagship):
    edition = replace(read_edition(client="X"), archives=[Packed("logs.zip", 1234, "ab" * 32)])
    said = section(assemble(flagship, edition=edition, xml=lambda events: {}), "custody").prose
    assert any(text.startswith("The evidence does not say who collected it, and when") for text in said)
    assert f"The archive logs.zip has 1,234 bytes and the SHA-256 {'ab' * 32}." in said
    kit = c2.analyse(c2.load(SAMPLES / "kit"))
    said = section(assemble(kit, edition=edition, xml=lambda events: {}), "custody").prose
    assert any(re.match(r"The collection script of capi2kit gathered \d+ files?, from 20", text) for text in said)
