"""Verdicts on trust lists, on small tables that can be checked by eye."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capi2kit.columns.cells import empty, shaped
from capi2kit.errors import TableError
from capi2kit.questions.trust_lists import crl_validity, judge_lists, judge_objects, objects_in_log

DAY = pd.Timestamp("2011-02-21T12:00Z")


def at(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz="UTC")


def table(name: str, rows: list[dict]) -> pd.DataFrame:
    """Rows as a table of the vocabulary; a column that no row fills is <NA>."""
    return shaped(pd.DataFrame(rows).dropna(axis=1, how="all"), name)


def certificates(*rows: dict) -> pd.DataFrame:
    """Certificates good for 2010 and on, from file 1, unless they say otherwise."""
    usual = {"kind": "certificate", "source": 1, "not_before": at("2010-01-01"), "not_after": at("2030-01-01")}
    return table("certificates", [usual | row for row in rows]) if rows else empty("certificates")


def lists(*rows: dict) -> pd.DataFrame:
    """Lists of January 2011 signed by Publisher (S1), good for 2011, below PCA, unless they say otherwise."""
    usual = {
        "source": 0, "kind": "roots", "thumbprint": "L1", "this_update": at("2011-01-25"), "signed": True,
        "signature_good": True, "signer": "Publisher", "signer_thumbprint": "S1", "signer_issuer": "PCA",
        "signer_not_before": at("2011-01-01"), "signer_not_after": at("2012-01-01"),
    }  # fmt: skip
    return table("trust_lists", [usual | row for row in rows])


UNSIGNED = {"signed": False, **dict.fromkeys(("signature_good", "signer", "signer_thumbprint", "signer_issuer"), pd.NA)}
UNSIGNED |= dict.fromkeys(("signer_not_before", "signer_not_after"), pd.NaT)
PUBLISHER = {
    "thumbprint": "S1",
    "subject": "Publisher",
    "issuer": "PCA",
    "authority_key_id": "K2",
    "is_ca": False,
    "source": 0,
}
PCA = {"thumbprint": "P1", "subject": "PCA", "issuer": "Root", "subject_key_id": "K2", "authority_key_id": "K3"}
ROOT = {"thumbprint": "R1", "subject": "Root", "issuer": "Root", "subject_key_id": "K3"}


def judged(*given: dict, when=DAY, row=None) -> pd.Series:
    return judge_lists(lists(row or {}), certificates(*given), at=when).iloc[0]


@pytest.mark.parametrize(
    ("when", "valid", "words"),
    [
        ("2010-12-31T23:59:59", False, "signer not valid before 2011-01-01 00:00Z"),
        ("2011-01-01T00:00:00", True, "signer valid"),
        ("2012-01-01T00:00:00", True, "signer valid"),  # its last second
        ("2012-01-01T00:00:01", False, "signer expired 2012-01-01 00:00Z"),
    ],
)
def test_the_signer_is_valid_from_its_first_to_its_last_second(when, valid, words):
    row = judged(PUBLISHER, PCA, when=at(when))
    assert row["signer_valid_at"] == valid
    assert words in row["verdict"]


@pytest.mark.parametrize(
    ("when", "current", "words"),
    [
        ("2011-01-24T23:59:59", False, "list not yet in effect"),
        ("2011-01-25T00:00:00", True, "list in effect"),
        ("2011-03-02T23:59:59", True, "list in effect"),
        ("2011-03-03T00:00:00", False, "next list was due 2011-03-03 00:00Z"),
    ],
)
def test_a_list_is_current_until_the_next_one_is_due(when, current, words):
    row = judged(PUBLISHER, when=at(when), row={"next_update": at("2011-03-03")})
    assert row["list_current_at"] == current
    assert words in row["verdict"]


def test_a_list_that_promises_no_next_one_stays_current():
    assert judged(PUBLISHER, when=at("2011-12-31"))["list_current_at"] == True  # noqa: E712


def test_the_issuer_that_was_not_on_the_machine():
    row = judged(PUBLISHER, ROOT)
    assert row["issuer_given"] == False  # noqa: E712
    assert row["missing_issuer"] == "PCA" and row["issuer_thumbprint"] is pd.NA
    assert row["chain"] == "Publisher"
    assert row["verdict"] == "signature good; signer valid; issuer not among the given certificates; list in effect"


def test_the_chain_climbs_as_far_as_certificates_are_given():
    row = judged(PUBLISHER, PCA)
    assert (row["chain"], row["missing_issuer"]) == ("Publisher < PCA", "Root")
    assert row["verdict"] == "signature good; signer valid; issuer given; chain ends before its root; list in effect"
    row = judged(PUBLISHER, PCA, ROOT)
    assert (row["chain"], row["missing_issuer"] is pd.NA) == ("Publisher < PCA < Root", True)
    assert row["verdict"] == "signature good; signer valid; issuer given; list in effect"
    assert (row["issuer_thumbprint"], row["issuer_source"], row["issuer_match"]) == ("P1", 1, "name and key id")


def test_a_certificate_of_that_name_with_another_key_is_not_the_issuer():
    assert judged(PUBLISHER, PCA | {"subject_key_id": "K9"})["issuer_given"] == False  # noqa: E712


def test_without_key_ids_the_name_decides_and_it_says_so():
    row = judged(PUBLISHER, PCA | {"subject_key_id": pd.NA})
    assert (row["issuer_given"], row["issuer_match"]) == (True, "name")
    assert judged(PCA)["issuer_match"] == "name"  # the signer's certificate itself is not given


def test_of_two_issuers_the_one_whose_key_fits_is_taken():
    nameless = PCA | {"thumbprint": "P2", "subject_key_id": pd.NA, "not_after": at("2040-01-01")}
    assert judged(PUBLISHER, nameless, PCA)["issuer_thumbprint"] == "P1"


def test_what_says_it_is_no_authority_issues_nothing():
    assert judged(PUBLISHER, PCA | {"is_ca": False})["issuer_given"] == False  # noqa: E712
    assert judged(PUBLISHER, PCA | {"is_ca": pd.NA})["issuer_given"] == True  # noqa: E712


def test_a_certificate_above_that_is_not_valid_is_reported():
    row = judged(PUBLISHER, PCA | {"not_after": at("2011-02-01")}, ROOT)
    assert (row["signer_valid_at"], row["chain_valid_at"]) == (True, False)
    assert "a certificate above is not valid" in row["verdict"]


def test_a_certificate_that_was_only_logged_is_given_too():
    row = judged(PUBLISHER, PCA | {"source": pd.NA, "event": 7})
    assert row["issuer_given"] == True and row["issuer_source"] is pd.NA  # noqa: E712


def test_certificates_that_issue_each_other_come_to_an_end():
    one = {"thumbprint": "P1", "subject": "PCA", "issuer": "Cross"}
    other = {"thumbprint": "X1", "subject": "Cross", "issuer": "PCA"}
    assert judged(PUBLISHER, one, other)["chain"].startswith("Publisher < PCA < Cross < PCA")


def test_a_signer_that_is_its_own_issuer():
    alone = {"thumbprint": "S1", "subject": "PCA", "issuer": "PCA"}
    row = judged(alone, row={"signer": "PCA"})
    assert (row["issuer_given"], row["chain"], row["issuer_thumbprint"]) == (True, "PCA", "S1")


def test_a_list_without_a_signature():
    row = judged(PUBLISHER, PCA, row=UNSIGNED)
    assert row[["signer_valid_at", "issuer_given", "chain", "chain_valid_at", "missing_issuer"]].isna().all()
    assert row["verdict"] == "not signed; list in effect"


@pytest.mark.parametrize(("good", "words"), [(False, "signature does not fit"), (pd.NA, "signature not checked")])
def test_a_signature_that_is_not_good(good, words):
    assert judged(PUBLISHER, row={"signature_good": good})["verdict"].startswith(words)


def test_without_a_moment_nothing_is_said_of_time():
    row = judged(PUBLISHER, PCA, ROOT, when=None)
    assert row[["at", "signer_valid_at", "chain_valid_at", "list_current_at"]].isna().all()
    assert row["verdict"] == "signature good; issuer given"


def test_every_list_has_its_own_row_in_order():
    rows = judge_lists(lists({"source": 4}, UNSIGNED | {"source": 2}, {"source": 3, "signer_issuer": "Other"}),
                       certificates(PUBLISHER, PCA), at=DAY)  # fmt: skip
    assert rows["source"].tolist() == [4, 2, 3]
    assert rows["issuer_given"].tolist() == [True, pd.NA, False]


def test_no_lists_no_rows_and_the_same_columns():
    nothing = judge_lists(empty("trust_lists"), empty("certificates"), at=DAY)
    some = judge_lists(lists({}), empty("certificates"), at=DAY)
    assert len(nothing) == 0
    assert nothing.dtypes.astype(str).tolist() == some.dtypes.astype(str).tolist()
    assert nothing.columns.tolist() == some.columns.tolist()


def test_a_table_of_another_shape_is_refused():
    with pytest.raises(TableError, match="signer"):
        judge_lists(lists({}).drop(columns="signer"), certificates(), at=DAY)


def test_the_tables_handed_in_stay_as_they_are():
    given_lists, given_certificates = lists({}, UNSIGNED), certificates(PUBLISHER, PCA, ROOT)
    before = given_lists.copy(), given_certificates.copy()
    judge_lists(given_lists, given_certificates, at=DAY)
    pd.testing.assert_frame_equal(given_lists, before[0])
    pd.testing.assert_frame_equal(given_certificates, before[1])


names = st.sampled_from(["Publisher", "PCA", "Root", None])
keys = st.sampled_from(["K1", "K2", None])
drawn = st.fixed_dictionaries(
    {"thumbprint": st.sampled_from(["S1", "P1", "R1", None]), "subject": names, "issuer": names,
     "subject_key_id": keys, "authority_key_id": keys, "is_ca": st.sampled_from([True, False, None])}
)  # fmt: skip


@settings(deadline=None)
@given(rows=st.lists(drawn, max_size=6), signers=st.lists(names, min_size=1, max_size=4))
def test_whatever_is_given_each_list_is_judged_once(rows, signers):
    found = judge_lists(lists(*({"signer_issuer": name} for name in signers)), certificates(*rows), at=DAY)
    assert len(found) == len(signers)
    assert (found["issuer_thumbprint"].notna() == (found["issuer_given"] == True).fillna(False)).all()  # noqa: E712
    assert not (found["issuer_given"] == False)[found["missing_issuer"].isna()].fillna(False).any()  # noqa: E712


# --- the other objects ---


def test_a_certificate_lasts_to_its_end_and_a_crl_until_the_next():
    end = at("2011-06-01")
    both = certificates(
        {"thumbprint": "C", "not_after": end},
        {"kind": "crl", "thumbprint": "L", "not_before": pd.NaT, "not_after": pd.NaT, "this_update": at("2011-05-01"),
         "next_update": end},
        {"thumbprint": "logged only", "source": pd.NA},
    )  # fmt: skip
    assert judge_objects(both, at=end)[["thumbprint", "valid_at"]].to_numpy().tolist() == [["C", True], ["L", False]]
    assert judge_objects(both, at=at("2011-05-31"))["valid_at"].tolist() == [True, True]
    assert judge_objects(both)["valid_at"].isna().all()


A, B, C = ("A" * 40, "B" * 40, "C" * 40)


def events(*rows: dict) -> pd.DataFrame:
    listed = [{"event": number, "time": at(f"2011-05-0{number + 1}")} | row for number, row in enumerate(rows)]
    return table("events", listed).set_index(["task_id", "process"])


def test_objects_that_the_log_names():
    logged = events({"retrieved_ref": A}, {"crl_ref": A, "thumbprint": B}, {"crl_ref": f"{A.lower()}.ctl"})
    listed = certificates(
        {"kind": "crl", "thumbprint": A, "source": 5}, {"thumbprint": B, "source": 6}, {"thumbprint": C, "source": 6},
        {"thumbprint": B, "source": pd.NA, "event": 2},
    )  # fmt: skip
    found = objects_in_log(listed, logged, certificates=listed)
    assert found[["source", "reference", "events"]].to_numpy().tolist() == [
        [5, "crl_ref", 2], [5, "retrieved_ref", 1], [6, "certificates", 1], [6, "thumbprint", 1],
    ]  # fmt: skip
    assert found[["first", "last"]].iloc[0].tolist() == [at("2011-05-02"), at("2011-05-03")]


def test_a_chain_names_objects_too():
    chain = shaped(pd.DataFrame({"event": [0, 0], "thumbprint": [A, B]}), "chain")
    found = objects_in_log(certificates({"thumbprint": B}), events({}), chain=chain)
    assert found[["thumbprint", "reference"]].to_numpy().tolist() == [[B, "chain"]]


def test_nothing_beside_the_log_or_no_log_gives_no_match():
    assert objects_in_log(certificates(), events({"crl_ref": A})).empty
    assert objects_in_log(certificates({"thumbprint": A}), empty("events").set_index(["task_id", "process"])).empty


CRL = {"kind": "crl", "thumbprint": A, "this_update": at("2011-05-02"), "next_update": at("2011-05-03")}


def test_a_crl_is_valid_from_its_update_until_the_next_one_is_due():
    logged = events(*({"crl_ref": A, "crl_url": "http://crl.example/a.crl"},) * 3)  # 1, 2 and 3 May
    used = crl_validity(empty("waits"), logged, certificates=certificates(CRL))
    assert used["valid"].tolist() == [False, True, False]
    assert used.columns[:7].tolist() == ["event", "time", "url", "thumbprint", "kind", "this_update", "next_update"]
    assert used["url"].unique().tolist() == ["http://crl.example/a.crl"]


def test_a_crl_that_nobody_knows_is_not_judged_and_a_retrieved_certificate_is_none():
    logged = events({"crl_ref": C}, {"retrieved_ref": B, "url": "http://aia.example/b.cer"}, {"ocsp_ref": C})
    used = crl_validity(empty("waits"), logged, certificates=certificates(CRL, {"thumbprint": B}))
    assert used["event"].tolist() == [0, 2]
    assert used["valid"].isna().all()


def test_a_retrieved_crl_is_counted_once_and_tells_whether_it_was_waited_for():
    logged = events({"retrieved_ref": A, "crl_ref": A, "url": "http://crl.example/a.crl"}, {"retrieved_ref": A})
    waits = shaped(pd.DataFrame({"event": [1], "span": [0]}), "waits")
    used = crl_validity(waits, logged, certificates=certificates(CRL, CRL))
    assert used[["event", "waited"]].to_numpy().tolist() == [[0, False], [1, True]]


def test_a_crl_without_a_next_update_stays_valid():
    logged = events({}, {}, {"crl_ref": A})
    assert crl_validity(empty("waits"), logged, certificates=certificates(CRL | {"next_update": pd.NaT}))[
        "valid"
    ].tolist() == [True]
