"""The instructor's kit: slides made from the notebooks, as one HTML file that needs no network, and handouts as PDF: `make kit`.

Needs npm for reveal.js (once; it is inlined), and WeasyPrint for the PDFs.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path
from typing import Any

import nbformat
from lxml import html
from nbconvert import SlidesExporter

from capi2kit.lab.cards import LETTERS
from capi2kit.lab.cases import cases
from capi2kit.lab.course.marking import best, how_to, others
from capi2kit.lab.course.paper import Paper, take_case

ROOT = Path(__file__).parent.parent
REVEAL = "reveal.js@6"
_PLANNED = re.compile(r"^\| (case-\d{3}) \|", re.MULTILINE)  # the table of the guide
_LEFT_OUT = ("Exercises", "Take it with you")
_MOST_TEXT, _MOST_ROWS, _MOST_COLUMNS = 12, 9, 6  # lines of plain output, rows and columns of a table, on a slide
_BESIDE_TEXT = 6_000  # characters of HTML
_STYLE = """
.reveal { font: 400 27px/1.35 sans-serif; color: #1b1f23; }
.reveal .slides section { text-align: left; height: 100%; overflow: auto; }
.reveal h1, .reveal h2, .reveal h3 { font-family: sans-serif; text-transform: none; line-height: 1.15; margin: 0 0 .5em; color: #15304d; }
.reveal h1 { font-size: 1.9em; } .reveal h2 { font-size: 1.4em; }
.reveal img { max-height: 560px; width: 100%; object-fit: contain; object-position: left; margin: 0; }
.reveal table { font-size: .82em; width: 100%; border-collapse: collapse; }
.reveal td, .reveal th { padding: .15em .5em; border-bottom: 1px solid #d0d7de; }
.reveal pre { font-size: .8em; width: 100%; box-shadow: none; white-space: pre-wrap; } .reveal code { font-size: .9em; }
.reveal p, .reveal li { margin: .35em 0; } .reveal ul, .reveal ol { display: block; margin-left: 1.2em; }
.anchor-link, .jp-InputPrompt, .jp-OutputPrompt, .jp-Collapser { display: none; }
.reveal .jp-OutputArea-output { font-size: .95em; }
"""
_SHEET = """
@page { size: A4; margin: 18mm 18mm 20mm; }
@page { @bottom-right { content: counter(page) " / " counter(pages); font: 9pt sans-serif; color: #56616c; } }
body { font: 10.5pt/1.4 "DejaVu Sans", sans-serif; color: #1b1f23; } h1 { font-size: 17pt; margin: 0 0 2mm; color: #15304d; }
.about { color: #56616c; } .complaint { font-size: 12pt; font-style: italic; margin: 4mm 0; }
.question { break-inside: avoid; margin: 5mm 0 0; } .level { color: #56616c; font-size: 9pt; }
ol.options { list-style: none; margin: 1mm 0; padding-left: 5mm; } .line { border-bottom: .5pt solid #768491; height: 7mm; }
.right { background: #eaf4ee; padding: 1.5mm 2.5mm; margin-top: 1mm; } .wrong { font-size: 9pt; color: #3a444e; margin: .5mm 0 0 5mm; }
code { font-family: "DejaVu Sans Mono", monospace; font-size: 9pt; overflow-wrap: anywhere; }
"""


def main() -> None:
    """Write `kit/`: slides.html, handouts/ and answers/."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "kit")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "slides.html").write_text(slides(sorted((ROOT / "notebooks").glob("*.ipynb"))), encoding="utf-8")
    print(folder / "slides.html")
    guide = (ROOT / "docs" / "howto" / "instructor.md").read_text(encoding="utf-8")
    for name in dict.fromkeys(_PLANNED.findall(guide)):
        paper = take_case(name)
        for kind, with_answers in (("handouts", False), ("answers", True)):
            path = folder / kind / f"{name}.pdf"
            path.parent.mkdir(exist_ok=True)
            write_pdf(sheet(paper, with_answers=with_answers), path)
            print(path)


def slides(notebooks: Iterable[Path]) -> str:
    """One page with the slides of all notebooks, in their order: headings, text, pictures and tables, without code."""
    sections, styles = [], dict[str, None]()
    for path in notebooks:
        exporter = SlidesExporter(exclude_input=True, exclude_input_prompt=True, exclude_output_prompt=True)
        page = html.fromstring(exporter.from_notebook_node(_as_slides(nbformat.read(path, as_version=4)))[0])
        (deck,) = page.xpath("//div[@class='slides']")
        sections += [html.tostring(section, encoding="unicode") for section in deck]
        styles |= dict.fromkeys(
            style.text or "" for style in page.xpath("//head/style") if "jp-" not in (style.text or "")[:200]
        )
    parts = reveal()
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>capi2kit: slides</title>'
        f"<style>{parts['reveal.css']}</style><style>{parts['white.css']}</style><style>{_STYLE}</style></head>"
        f'<body><div class="reveal"><div class="slides">{"".join(sections)}</div></div><script>{parts["reveal.js"]}</script>'
        "<script>Reveal.initialize({hash: true, slideNumber: 'c/t', width: 1200, height: 800, margin: 0.04, center: false,"
        " transition: 'none'});</script></body></html>"
    )


def reveal() -> dict[str, str]:
    """The files of reveal.js that a page needs, by name, without anything that they would load from elsewhere."""
    npm = shutil.which("npm")
    if not npm:
        raise SystemExit("The slides need reveal.js: install npm (it comes with Node.js), then run `make kit` again.")
    with tempfile.TemporaryDirectory() as folder:
        packed = subprocess.run(
            [npm, "pack", "--silent", REVEAL], cwd=folder, check=True, capture_output=True, text=True
        )
        with tarfile.open(Path(folder) / packed.stdout.split()[-1]) as archive:
            wanted = {
                "reveal.js": "dist/reveal.js",
                "reveal.css": "dist/reveal.css",
                "white.css": "dist/theme/white.css",
            }
            found = {name: archive.extractfile(f"package/{path}") for name, path in wanted.items()}
            texts = {name: file.read().decode() for name, file in found.items() if file}
    return {name: re.sub(r"@import[^;]+;|@font-face\s*\{[^}]*\}|</script", "", text) for name, text in texts.items()}


def _as_slides(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """A notebook with a slide for each heading, and one below it for each picture and table."""
    cells = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            for part in re.split(r"(?m)^(?=#{1,3} )", cell.source):
                if part.strip():
                    cells.append(_typed(nbformat.v4.new_markdown_cell(part), "slide"))
        elif cell.outputs and (shown := [*_shown(cell.outputs)]):
            made = nbformat.v4.new_code_cell("", outputs=shown)
            after_text = bool(cells) and cells[-1].cell_type == "markdown" and _fits(shown)
            cells.append(
                _typed(made, "-" if after_text or all(one.output_type == "stream" for one in shown) else "subslide")
            )
    kept, skipping = [], False
    for cell in cells:
        if cell.metadata["slideshow"]["slide_type"] == "slide":
            skipping = any(cell.source.lstrip("# ").startswith(title) for title in _LEFT_OUT)
        kept += [] if skipping else [cell]
    return nbformat.v4.new_notebook(cells=kept, metadata=notebook.metadata)


def _typed(cell: Any, kind: str) -> Any:
    cell.metadata["slideshow"] = {"slide_type": kind}
    return cell


def _shown(outputs: Iterable[Any]) -> Iterator[Any]:
    """Pictures, tables, and the first lines of plain text."""
    for output in outputs:
        if output.output_type == "stream":
            lines = output.text.splitlines()
            more = ["…"] if len(lines) > _MOST_TEXT else []
            yield nbformat.v4.new_output("stream", name="stdout", text="\n".join([*lines[:_MOST_TEXT], *more]))
        elif "text/html" in output.get("data", {}):
            yield nbformat.v4.new_output("display_data", data={"text/html": _cut(output.data["text/html"])})
        elif "image/png" in output.get("data", {}):
            yield output


def _fits(outputs: Iterable[Any]) -> bool:
    """Whether outputs fit below the text of a slide: a card does not."""
    return all(len(output.get("data", {}).get("text/html", "")) < _BESIDE_TEXT for output in outputs)


def _cut(text: str) -> str:
    """HTML whose tables have as many rows as a slide has room for."""
    top = html.fragment_fromstring(text, create_parent="div")
    for body in top.iter("tbody"):
        for row in list(body)[_MOST_ROWS:]:
            body.remove(row)
        for row in [*body, *body.getparent().iter("tr")]:
            for cell in list(row)[_MOST_COLUMNS:]:
                row.remove(cell)
    for line in [line for line in top.iter("p", "div") if (line.text or "").startswith("source: ")]:
        line.drop_tree()
    for part in top.xpath("//details"):
        part.drop_tree()
    return html.tostring(top, encoding="unicode")


def sheet(paper: Paper, *, with_answers: bool) -> str:
    """A case on paper: what somebody complains of, the evidence, and the questions with room to write, or with their answers."""
    (case,) = [case for case in cases() if case.name == paper.name]
    evidence = [
        f"<code>{escape(name)}</code>, SHA-256 <code>{hashlib.sha256(data).hexdigest()}</code>"
        for name, data in paper.files.items()
    ]
    head = [] if with_answers else ['<p class="about">Name: ______________________________ &nbsp; Points: ________</p>']
    head += [f"<h1>{paper.name}{': answers' if with_answers else ''}</h1>"]
    if with_answers:
        head.append(f'<p class="about">Scenario <code>{case.scenario}</code></p>')
    head += [f'<p class="about">{escape(case.topic)}, {case.level.lower()}, about {case.minutes} minutes</p>']
    head += [
        f'<p class="complaint">“{escape(paper.complaint)}”</p>',
        f"<p>The evidence: {'; '.join(evidence)}. ",
        f"<code>capi2kit quiz {paper.name}</code> writes it.</p>",
    ]
    body = [_asked(number, question, with_answers=with_answers) for number, question in enumerate(paper.questions, 1)]
    top = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{paper.name}</title><style>{_SHEET}</style>'
    return f"{top}<body>{''.join(head + body)}</body></html>"


def _asked(number: int, question: Any, *, with_answers: bool) -> str:
    parts = [
        f'<div class="question"><span class="level">{number} · {question.level.lower()}</span><br>{escape(question.text)}'
    ]
    if question.options:
        options = (
            f"<li>{letter}) {escape(option)}</li>" for letter, option in zip(LETTERS, question.options, strict=False)
        )
        parts.append(f'<ol class="options">{"".join(options)}</ol>')
    if with_answers:
        more = f" ({others(question)})" if others(question) else ""
        right = f"<strong>{escape(best(question))}</strong>{escape(more)}<br>{escape(question.because)}"
        parts.append(f'<div class="right">{right}</div>')
        parts += [f'<p class="wrong">{escape(wrong.answer)}: {escape(wrong.says)}</p>' for wrong in question.wrong]
    elif not question.options:
        parts.append(f'<div class="level">{escape(how_to(question))}</div><div class="line"></div>')
    return "".join([*parts, "</div>"])


def write_pdf(page: str, path: Path) -> None:
    """A page as PDF."""
    from weasyprint import HTML

    HTML(string=page).write_pdf(path)


if __name__ == "__main__":
    main()
