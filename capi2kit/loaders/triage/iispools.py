"""Loader `iis pools`: the application pools in applicationHost.config of IIS, with their accounts. Passwords are never read."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from capi2kit.errors import EvidenceError
from capi2kit.loaders.evidence import Asked, EvidenceFile, Problems
from capi2kit.loaders.text.lines import check_size, head_of, source_of, table_of
from capi2kit.winevent import Batch

NAME = "iis pools"
LOOKS_FOR = "the settings of IIS: applicationHost.config"
ORIGIN = "applicationHost.config"
_POOLS = "system.applicationHost/applicationPools"
_SECRET = "password"


def sniff(head: bytes, name: str) -> bool:
    """True for the beginning of such a file."""
    text = head_of(head, most=1 << 16)
    return "<configuration" in text and ("system.applicationHost" in text or "applicationPools" in text)


def read(file: EvidenceFile, *, asked: Asked) -> Iterator[Batch]:
    """Yield one batch: `settings`, a row for each attribute of a pool, with `sources` and `problems`. Raises EvidenceError."""
    check_size(file)
    problems = Problems()
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False, remove_comments=True)
    try:
        root = etree.fromstring(bytes(file.data[:]), parser)
    except (etree.XMLSyntaxError, ValueError) as err:
        raise EvidenceError(f"{file.name}: is not XML ({str(err)[:120]}); copy it again", source=file.name) from err
    pools = root.find(f".//{_POOLS}")
    pools = pools if pools is not None else root.find(".//applicationPools")
    cells: dict[str, list[str | None]] = {name: [] for name in ("line", "path", "name", "value")}
    for pool in pools if pools is not None else ():
        if pool.tag in ("add", "applicationPoolDefaults"):
            for name, value in list(_attributes(pool)) or [("name", pool.get("name") or "(defaults)")]:
                for column, cell in zip(
                    cells, (str(pool.sourceline), pool.get("name") or "(defaults)", name, value), strict=True
                ):
                    cells[column].append(cell)
    count = len(cells["line"])
    if not count:
        problems.add("file", "no entry", message="there is no application pool in it")
    yield {
        "settings": table_of("settings", cells | {"origin": [ORIGIN] * count}, kinds={"line": "int"}),
        "sources": source_of(problems, loaded=count),
        "problems": problems.table(),
    }


def _attributes(pool: etree._Element) -> Iterator[tuple[str, str]]:
    """The attributes of a pool and of what is below it (`processModel.userName`), but no password."""
    for element in pool.iter(etree.Element):
        above = "" if element is pool else str(element.tag) + "."
        for name, value in element.attrib.items():
            if (element is pool and name == "name") or _SECRET in str(name).casefold():
                continue
            yield above + str(name), str(value)
