"""PDF: the HTML page, printed by WeasyPrint: the same texts, tables and charts on A4, with bookmarks, links and page numbers.

Nothing is loaded from anywhere: an address that is not in the page itself is refused. The same input gives the same bytes with the
same release of WeasyPrint and the same fonts; with others the pages may break elsewhere.
"""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

from capi2kit.render.extras import needed
from capi2kit.render.html import page
from capi2kit.render.paper import for_paper
from capi2kit.render.report import Report

_HERE = Path(__file__).parent


def render(report: Report) -> bytes:
    """The report as a PDF file."""
    weasyprint = needed("weasyprint", package="WeasyPrint", ending=".pdf")
    text = page(for_paper(report), more_style=(_HERE / "print.css").read_text(encoding="utf-8"))
    logging.getLogger("weasyprint").setLevel(logging.ERROR)  # rules for browsers that it leaves out
    logging.getLogger("fontTools").setLevel(logging.ERROR)
    only_inside = needed("weasyprint.urls", package="WeasyPrint", ending=".pdf").URLFetcher(allowed_protocols=("data",))
    document = weasyprint.HTML(string=text, url_fetcher=only_inside, media_type="print")
    identifier = hashlib.sha256(text.encode()).hexdigest()[:32].encode()
    return bytes(document.write_pdf(pdf_identifier=identifier, pdf_tags=True))
