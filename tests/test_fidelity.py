"""Fidelity: the lab's records look like those of real logs.

Nothing may stand in them that the real ones never have, and nothing may be missing that they always
have, except what is listed here with its reason: real logs of failures are hard to come by.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from lxml import etree
from shapes import Shape, Shapes, read_shapes, read_table, write_table

from capi2kit.binxml import Decoder
from capi2kit.lab.eventforms import write_event
from capi2kit.lab.reading import names, read_scenario
from capi2kit.lab.simulate.programs import happen
from capi2kit.loaders.evtx.framing import frame_file
from capi2kit.loaders.evtx.recordids import CHUNK

CAPI2_LOGS = [
    "capi2_operational_wks05_2016-2018.evtx",
    "capi2_operational_event70_2020.evtx",
    "application_ec2_windefend_2020.evtx",
    "application_win10_aptsim_2022.evtx",
    "application_win10_rathbun_2022.evtx",
    "application_win2012r2_szechuan.evtx",
]
ALONE = ["evtxdump_event51_setup_2017_rec25.xml", "evtxdump_event53_setup_2017_rec28.xml"]

# What the lab writes although the real logs at hand never show it: pattern of "id path", and where we know it from.
SEEN_ELSEWHERE = [
    (r"\d+ .*/EventAuxInfo@impersonateToken", "seed 001 and seed 004: callers that impersonate"),
    (
        r"11 .*/InfoStatus@CERT_TRUST_AUTO_UPDATE_\w+",
        "wincrypt.h: who judges the certificate is the list of distrusted ones",
    ),
    (r"11 .*/Flags@CERT_CHAIN_DISABLE_AIA", "wincrypt.h: a program that forbids the download of issuers"),
    (r"11 .*/ValidationTime", "milliseconds, where .NET passes the current time: sample of SharePoint 2019"),
    (r"11 .*/ErrorStatus@CERT_TRUST_\w+", "the names of trust errors: wincrypt.h, as in seeds 001 and 004"),
    (r"11 .*/Flags@CERT_CHAIN_\w*CACHE_ONLY\w*", "seed 001: consent.exe"),
    (r"11 .*/ExtendedKeyUsage@orMatch", "seed 004: a server's certificate"),
    (r"(11|41|53|90) .*/OCSPResponse.*", "sample of Windows 10 (msedge.exe)"),
    (r"\d+ .*/Result( |$).*", "a failed call says its text: seeds 001 and 004"),
    (r"\d+ .*(Result|Flags)@value", "codes and flags with letters: seeds 001 and 004"),
    (r"11 .*/RevocationResult", "a failed check says its text: seed 001"),
    (r"(11|30|41|81) System", "level 2 for a failed call: seeds 001 and 004, sample of Windows Server 2016"),
    (r"(14|15|19|20) .*", "issuer downloads and root update: ids, tasks and keywords from the manifest, no sample"),
    (r"30 .*/SSLAdditionalPolicyInfo.*", "sample of Windows 10 with the SSL policy"),
    (r"41 .*/Flags@CERT_VERIFY_CACHE_ONLY_BASED_REVOCATION", "seed 001: consent.exe"),
    (r"41 .*/RevocationStatus@thirdPartyProviderUsed", "sample of Windows 10"),
    (r"\d+ .*/EventAuxInfo@(startTime|duration)", "DiagLevel 5: analyses of crypt32.dll; no sample"),
    (r"53 .*/Flags@CRYPT_OFFLINE_CHECK_RETRIEVAL", "the root list: a debugger shows its flags as 205004; no sample"),
    (r"53 .*/Flags@CRYPT_AIA_RETRIEVAL", "wincrypt.h: an issuer download"),
    (r"53 .*/URL .*scheme.*|53 .*/URL", "a directory: its scheme is not http, errors.csv 203A"),
    (r"70 System", "level 2 for a key that could not be had: the same as 11, 30, 41, 81; no sample"),
    (r"81 .*/Flags@WTD_CACHE_ONLY_URL_RETRIEVAL", "wintrust.h: seed 001 shows what it does to the chain"),
]
# What the real logs at hand always have, and the lab not always.
NOT_ALWAYS = [
    (r"11 .*/ValidationTime", "a TLS client passes none: sample of Windows 10"),
    (r"41 .*/CertificateRevocationList", "a check that got no list names none, or names an OCSP response"),
    (r"41 .*/Flags@CERT_VERIFY_REV_ACCUMULATIVE_TIMEOUT_FLAG", "callers without a common budget: Windows Server 2016"),
    (r"41 .*/RevocationStatus@actualFreshnessTime", "a check that got no list has no age"),
    (r"53 .*/AdditionalInfo/Action", "newer Windows leaves the search for a proxy to WinHTTP: KB2623724"),
    (r"42 .*/CertificateRevocationList", "a server that is remembered as offline: no list was there to reject"),
    (r"53 .*/NetworkConnectivityStatus@_SENSAPI\w+", "no network at all"),
    (r"53 .*/HTTP(Request|Response)HeadersInfo", "no connection, no headers: sample of Windows Server 2016"),
    (r"53 .*/CacheInfo", "only what succeeded is kept: sample of Windows Server 2016"),
    (r"53 .*/RetrievedObjects", "only what succeeded is there: sample of Windows Server 2016"),
    (
        r"81 .*/(SignerInfo|CertificateChain|Timestamp\w+)",
        "no signature, or one that is not the file's: no chain; own knowledge",
    ),
    (
        r"53 .*/RetrievedObjects/CertificateRevocationList",
        "OCSP responses, certificates and the list of roots are none",
    ),
]


@pytest.fixture(scope="module")
def lab() -> Shapes:
    """The shapes of every record of every scenario."""
    worlds = (happen(read_scenario(name)) for name in names())
    entries = (entry for world in worlds for log in world.logs.values() for entry in log.entries)
    return read_shapes(write_event(entry.form, entry.facts) for entry in entries)


@pytest.fixture(scope="module")
def real() -> Shapes:
    return read_table()


def strange(lab: Shapes, real: Shapes) -> list[str]:
    """What the lab has and the real logs do not: paths, forms of values, levels and keywords."""
    found = []
    for (number, path), shape in lab.items():
        known = real.get((number, path), Shape(0, 0, frozenset()))
        found += [f"{number} {path}"] * (not known.count) + [f"{number} {path}"] * bool(shape.forms - known.forms)
    return sorted(set(found))


def missing(lab: Shapes, real: Shapes) -> list[str]:
    """What stands under every parent in the real logs, and not under every one in the lab."""
    found = []
    for (number, path), shape in real.items():
        above = path.rpartition("@")[0] if "@" in path else path.rpartition("/")[0]
        there = (number, above) in lab if above else any(key[0] == number for key in lab)
        if shape.always and there and not lab.get((number, path), Shape(0, 1, frozenset())).always:
            found.append(f"{number} {path}")
    return sorted(found)


def unexplained(found: list[str], reasons: list[tuple[str, str]]) -> list[str]:
    return [one for one in found if not any(re.fullmatch(pattern, one) for pattern, _ in reasons)]


def test_nothing_is_there_that_real_logs_never_have(lab, real):
    assert unexplained(strange(lab, real), SEEN_ELSEWHERE) == []


def test_nothing_is_missing_that_real_logs_always_have(lab, real):
    assert unexplained(missing(lab, real), NOT_ALWAYS) == []


def test_every_exception_is_needed(lab, real):
    unused = [
        pattern
        for pattern, _ in SEEN_ELSEWHERE
        if unexplained(strange(lab, real), [(pattern, "")]) == strange(lab, real)
    ]
    unused += [
        pattern for pattern, _ in NOT_ALWAYS if unexplained(missing(lab, real), [(pattern, "")]) == missing(lab, real)
    ]
    assert unused == []


def test_the_lab_writes_nearly_every_kind_of_record_that_real_logs_have(lab, real):
    operational = {number for number, path in real if path != "/EventData/Binary" and int(number) < 100}
    assert operational - {number for number, _ in lab} == set()


def test_a_strange_path_form_or_level_is_seen(lab, real):
    one = ("53", "/CryptRetrieveObjectByUrlWire/Timeout")
    assert strange({**lab, ("53", "/Odd"): Shape(1, 1, frozenset({"text"}))}, real) != strange(lab, real)
    assert "53 " + one[1] in strange({**lab, one: Shape(1, 1, frozenset({"text"}))}, real)
    assert "53 " + one[1] in missing({key: shape for key, shape in lab.items() if key != one}, real)
    level = ("52", "System")
    assert "52 System" in strange({**lab, level: Shape(1, 1, frozenset({"5 53 1 0x4000000000000036"}))}, real)


def real_events(folder: Path) -> Iterator[etree._Element]:
    """Every CAPI2 event of the real logs, decoded."""
    for name in CAPI2_LOGS:
        data = (folder / "evtx" / name).read_bytes()
        for chunk in frame_file(data).chunks:
            decoder = Decoder(data[chunk.offset : chunk.offset + CHUNK])
            for frame in chunk.frames:
                at = frame.offset - chunk.offset
                event = decoder.decode(at + 24, at + frame.size - 4)
                if event.find("System/Provider").get("Name") == "Microsoft-Windows-CAPI2":
                    yield event
    for name in ALONE:
        tree = etree.fromstring((folder / "xml" / name).read_bytes(), etree.XMLParser(remove_blank_text=True))
        for element in tree.iter():
            element.tag = etree.QName(element).localname
        yield tree


@pytest.mark.real
def test_the_table_of_real_shapes_is_that_of_the_real_logs(real_logs, real):
    found = read_shapes(real_events(real_logs))
    assert write_table(found) == write_table(real)
