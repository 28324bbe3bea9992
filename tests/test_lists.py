"""The invented trust lists: the files are those of their README, and they tell its story."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pandas as pd
import pytest
from scenarios import truth_of
from test_notebooks import run

from capi2kit.case import Case, load
from capi2kit.questions.trust_lists import judge_lists, judge_objects

pytest.importorskip("asn1crypto", reason="needs the extra pki")
make_lists = pytest.importorskip("make_lists", reason="needs the extra pki")

LISTS = Path(__file__).parent.parent / "datasets" / "lists"
MOST_BYTES = 60_000
SIGNER, ISSUER = "Contoso Trust List Publisher", "Contoso Trust List PCA"
OLD, NEW, BARE = make_lists.OLD, make_lists.NEW, make_lists.BARE


@pytest.fixture(scope="module", params=["committed", "new"])
def folder(request, tmp_path_factory) -> Path:
    """The committed files, and files that the script makes now: the story is the same."""
    if request.param == "committed":
        return LISTS
    made = tmp_path_factory.mktemp("lists")
    for name, data in make_lists.make().items():
        (made / name).write_bytes(data)
    return made


def judged(folder: Path, name: str, *, at: str, beside: tuple[str, ...] = ()) -> pd.Series:
    """The verdict on one list at a moment, with nothing at hand but it and the files beside."""
    case = load([folder / each for each in (name, *beside)])
    (row,) = judge_lists(case.trust_lists, case.certificates, at=pd.Timestamp(at)).to_dict("records")
    return pd.Series(row)


def all_of(folder: Path) -> Case:
    return load([path for path in sorted(folder.iterdir()) if path.suffix != ".md"])


def test_the_readme_names_every_file_with_its_size_and_sum():
    text = (LISTS / "README.md").read_text(encoding="utf-8")
    listed = re.findall(r"(?m)^\| `([^`]+)` \| .+ \| (\d+) \| `([0-9a-f]{64})` \|$", text)
    files = {path.name: path.read_bytes() for path in LISTS.iterdir() if path.name != "README.md"}
    assert {(name, str(len(data)), hashlib.sha256(data).hexdigest()) for name, data in files.items()} == set(listed)
    assert files.keys() == make_lists.make().keys()
    assert sum(path.stat().st_size for path in LISTS.iterdir()) < MOST_BYTES
    assert "PRIVATE KEY" not in "".join(data.decode("latin-1") for data in files.values())


def test_all_of_every_file_is_read(folder):
    case = all_of(folder)
    assert case.problems["error"].tolist() == ["time zone unknown"]  # of certutil's text
    assert case.sources["lost"].sum() == 0
    assert dict(zip(case.sources["path"].map(lambda path: Path(path).name), case.sources["loaded"], strict=True)) == {
        "ContosoRootAuthority.cer": 1, "ContosoTrustListPCA.cer": 1, "ContosoTrustListPCA.crl": 1,
        OLD: 2, NEW: 3, BARE: 1, "urlcache.txt": 2,
    }  # fmt: skip


def test_the_lists_differ_in_number_date_and_length(folder):
    found = all_of(folder).trust_lists.set_index("this_update").sort_index()
    assert found["entries"].tolist() == [12, 3, 13]
    assert found["kind"].tolist() == ["roots", "disallowed", "roots"]
    numbers = found["sequence"].map(lambda text: int(text, 16)).tolist()
    assert numbers == sorted(set(numbers))
    assert found["signed"].tolist() == [True, False, True]
    assert found["signature_good"].tolist() == [True, pd.NA, True]
    assert found["signer"].tolist() == [SIGNER, pd.NA, SIGNER]


@pytest.mark.parametrize(
    ("at", "words"),
    [
        ("2010-12-01T00:00Z", "signer valid; issuer not among the given certificates; list not yet in effect"),
        ("2011-01-28T00:00Z", "signer valid; issuer not among the given certificates; list in effect"),
        ("2011-01-31T23:59:59Z", "signer valid; issuer not among the given certificates; list in effect"),
        ("2011-02-01T00:00:00Z", "signer expired 2011-01-31 23:59Z; issuer not among the given certificates; list in effect"),
        ("2011-02-21T12:00Z", "signer expired 2011-01-31 23:59Z; issuer not among the given certificates; list in effect"),
        ("2011-05-01T00:00Z", "signer expired 2011-01-31 23:59Z; issuer not among the given certificates; "
                              "next list was due 2011-04-25 20:54Z"),
    ],
)  # fmt: skip
def test_the_january_list_lacks_its_issuer_and_then_its_signer_expires(folder, at, words):
    assert judged(folder, OLD, at=at)["verdict"] == f"signature good; {words}"


def test_the_issuer_beside_the_january_list_helps_until_the_signer_expires(folder):
    beside = (make_lists.PCA, make_lists.ROOT)
    before = judged(folder, OLD, at="2011-01-28T00:00Z", beside=beside)
    assert before["chain"] == f"{SIGNER} < {ISSUER} < Contoso Root Authority"
    assert before["issuer_match"] == "name and key id"
    assert before["chain_valid_at"]
    assert pd.isna(before["missing_issuer"])
    assert not judged(folder, OLD, at="2011-02-21T12:00Z", beside=beside)["signer_valid_at"]


def test_the_march_list_carries_its_issuer_and_a_signer_that_was_valid_in_february(folder):
    alone = judged(folder, NEW, at="2011-03-03T00:00Z")
    assert alone["issuer_given"]
    assert alone["missing_issuer"] == "Contoso Root Authority"
    assert judged(folder, NEW, at="2011-02-21T12:00Z")["signer_valid_at"]
    whole = judged(folder, NEW, at="2011-03-03T00:00Z", beside=(make_lists.ROOT,))
    assert whole["verdict"] == "signature good; signer valid; issuer given; list in effect"
    assert whole["chain_valid_at"]


def test_nobody_signed_the_third_list(folder):
    assert judged(folder, BARE, at="2011-02-21T12:00Z")["verdict"] == "not signed; list in effect"


def test_the_crl_is_of_the_issuer_and_of_march(folder):
    objects = judge_objects(load([folder / make_lists.CRL]).certificates, at=pd.Timestamp("2011-03-03T00:00Z"))
    assert objects[["kind", "issuer", "valid_at"]].values.tolist() == [["crl", ISSUER, True]]


def test_the_signatures_hold_by_another_library(folder):
    x509 = pytest.importorskip("cryptography.x509")
    root, issuer = (
        x509.load_der_x509_certificate((folder / name).read_bytes()) for name in (make_lists.ROOT, make_lists.PCA)
    )
    issuer.verify_directly_issued_by(root)
    root.verify_directly_issued_by(root)
    revocations = x509.load_der_x509_crl((folder / make_lists.CRL).read_bytes())
    assert revocations.is_signature_valid(issuer.public_key())
    serials = {int(each, 16) for each in load([folder / OLD]).certificates["serial"]}
    assert {each.serial_number for each in revocations} == serials


def test_the_cache_of_system_holds_the_old_list_and_the_users_the_new_one(folder):
    sizes = {(folder / name).stat().st_size: name for name in (OLD, NEW)}
    entries = load([folder / make_lists.CACHE]).cache_entries
    assert dict(zip(entries["account"], entries["bytes"].map(sizes), strict=True)) == {"S-1-5-18": OLD, "anna": NEW}


def test_the_notebook_says_what_lists_and_logs_say(monkeypatch):
    printed, charts = run("06_root_updates", monkeypatch, log=None)
    for name in ("authroot-expired", "root-update-through-proxy"):
        waits = truth_of(name)["waits"]
        assert f"Inside their bounds: {len(waits)} of {len(waits)} wait" in printed
    assert printed.count("Causes missed: none. Found, but wrong: none.") == 2
    assert all(
        f"'{path.name}': {path.stat().st_size}" in printed for path in LISTS.iterdir() if path.name in (OLD, NEW)
    )
    assert "signer expired 2011-01-31" in printed and charts == 3


def test_the_notebook_takes_a_folder_without_a_log(monkeypatch):
    printed, _ = run("06_root_updates", monkeypatch, log=LISTS)
    assert "signer expired 2011-01-31" in printed and "There is no truth.json beside this log" in printed
