"""List verdicts: who signed a trust list, until when, who issued that signer, and what the log has of the objects.

Input: `trust_lists` and `certificates` as loaded (from files, from a log, or from both), and a moment in
time. An issuer is found by its name, and by its key id where both sides have one; its signature on the
certificate below is not checked, nor is revocation. Nothing here opens a file.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from capi2kit.columns.cells import STRING, UTC
from capi2kit.knowledge import check

MOST_ISSUERS = 8  # steps from the signer up
_REFERENCES = ("thumbprint", "retrieved_ref", "crl_ref", "ocsp_ref", "issuer_thumbprint")
_SHA1 = r"^([0-9A-Fa-f]{40})\b"
_VERDICTS: dict[str, Any] = {
    "at": UTC,
    "signer_valid_at": "boolean",
    "issuer_given": "boolean",
    "issuer_thumbprint": STRING,
    "issuer_source": "Int64",
    "issuer_match": STRING,
    "chain": STRING,
    "missing_issuer": STRING,
    "chain_valid_at": "boolean",
    "list_current_at": "boolean",
}


def judge_lists(
    trust_lists: pd.DataFrame, certificates: pd.DataFrame, *, at: pd.Timestamp | None = None
) -> pd.DataFrame:
    """Judge every list at a moment.

    Returns
    -------
    judged : DataFrame
        The rows of `trust_lists` in their order, without `extra`, and

        =================  ========  =============================================================
        column             dtype     meaning
        =================  ========  =============================================================
        at                 UTC time  the moment
        signer_valid_at    boolean   the signer's certificate was valid then
        issuer_given       boolean   its issuer is among the certificates
        issuer_thumbprint  string    which one
        issuer_source      Int64     number of the file that holds it; <NA> if it was only logged
        issuer_match       string    found by: name and key id, or name
        chain              string    names from the signer up, as far as they are given
        missing_issuer     string    the first issuer that is not; <NA> if the chain ends in a root
        chain_valid_at     boolean   all certificates of that chain were valid then
        list_current_at    boolean   effective then, and no next update was due
        verdict            string    all this in words
        =================  ========  =============================================================

        For a list without a signature, all but the last two are <NA>. Without `at`, only what needs no moment is judged.

    Raises
    ------
    TableError : a column is missing or has another dtype.
    """
    check(trust_lists, "trust_lists")
    check(certificates, "certificates", needs=("thumbprint", "subject", "issuer", "not_before", "not_after"))
    judged = trust_lists.drop(columns="extra").reset_index(drop=True)
    moment = pd.NaT if at is None else pd.Timestamp(at).tz_convert("UTC")
    judged["at"] = pd.Series(moment, index=judged.index, dtype=UTC)
    judged["signer_valid_at"] = _within(
        judged["signer_not_before"], judged["signer_not_after"], at=judged["at"], last=True
    )
    _climb(judged, _known(certificates))
    current = _within(judged["this_update"], judged["next_update"], at=judged["at"], last=False)
    judged["list_current_at"] = current
    judged = judged.astype(_VERDICTS)
    judged["verdict"] = _verdict(judged)
    return judged[[*trust_lists.columns.drop("extra"), *_VERDICTS, "verdict"]]


def judge_objects(certificates: pd.DataFrame, *, at: pd.Timestamp | None = None) -> pd.DataFrame:
    """The objects that files beside the log hold, each once, with `valid_from`, `valid_to` and `valid_at` the moment.

    A certificate is valid to the end of its last second, a CRL or OCSP response until the next one is due.
    """
    objects = certificates[certificates["source"].notna()]
    objects = objects.drop_duplicates(["source", "thumbprint"]).reset_index(drop=True)
    lasting = _is(objects["kind"], "certificate")
    start = objects["not_before"].where(lasting, objects["this_update"])
    stop = objects["not_after"].where(lasting, objects["next_update"])
    moment = pd.Series(pd.NaT if at is None else pd.Timestamp(at).tz_convert("UTC"), index=objects.index, dtype=UTC)
    ends = _within(start, stop, at=moment, last=True)
    due = _within(start, stop, at=moment, last=False)
    columns = ["source", "kind", "thumbprint", "subject", "issuer", "serial", "crl_number", "produced_at", "extra"]
    return objects[columns].assign(valid_from=start, valid_to=stop, at=moment, valid_at=ends.where(lasting, due))


def _within(start: pd.Series, stop: pd.Series, *, at: pd.Series, last: bool) -> pd.Series:
    """Whether a moment lies between two; `last`: the end itself counts. One missing end is no limit; two give <NA>."""
    before = (at <= stop) if last else (at < stop)
    inside = (start.isna() | (start <= at)) & (stop.isna() | before)
    unknown = at.isna() | (start.isna() & stop.isna())
    return inside.astype("boolean").mask(unknown)


def _known(certificates: pd.DataFrame) -> pd.DataFrame:
    """The certificates proper, each once; those from files before those that were only logged."""
    wanted = ["thumbprint", "subject", "issuer", "not_before", "not_after", "subject_key_id", "authority_key_id"]
    wanted += ["is_ca", "source"]
    found = certificates.reindex(columns=["kind", *wanted])
    found = found[_is(found["kind"], "certificate") & found["thumbprint"].notna()]
    return found.sort_values("source", kind="stable")[wanted].drop_duplicates("thumbprint", ignore_index=True)


def _climb(judged: pd.DataFrame, known: pd.DataFrame) -> None:
    """Add what the certificates say of the signers' issuers: one step up for all lists at a time."""
    here = pd.DataFrame({"thumbprint": judged["signer_thumbprint"], "issuer": judged["signer_issuer"]})
    here = here.merge(known[["thumbprint", "authority_key_id"]], on="thumbprint", how="left")
    judged["chain"] = judged["signer"]
    judged["missing_issuer"] = pd.Series(pd.NA, index=judged.index, dtype=STRING)
    judged["chain_valid_at"] = judged["signer_valid_at"]
    for step in range(MOST_ISSUERS):
        found = _issuers(here, known)
        given = found["thumbprint"].notna()
        itself = (found["thumbprint"] == here["thumbprint"]).fillna(False)
        if not step:
            judged["issuer_given"] = given.astype("boolean").mask(here["issuer"].isna())
            judged["issuer_thumbprint"], judged["issuer_source"] = found["thumbprint"], found["source"]
            judged["issuer_match"] = found["match"]
        judged["missing_issuer"] = judged["missing_issuer"].mask(here["issuer"].notna() & ~given, here["issuer"])
        up = given & ~itself
        judged["chain"] = judged["chain"].mask(up, judged["chain"] + " < " + found["subject"])
        valid = _within(found["not_before"], found["not_after"], at=judged["at"], last=True)
        judged["chain_valid_at"] = judged["chain_valid_at"].mask(up, judged["chain_valid_at"] & valid)
        here = found[["thumbprint", "issuer", "authority_key_id"]].mask(~up)
        if not up.any():
            break


def _issuers(here: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
    """For each certificate its issuer among the known ones, <NA> if there is none.

    By name, and by key id where both have one; a certificate that says it is no CA issues nothing. Of several,
    one whose key id fits, then the one that is valid longest.
    """
    children = here.assign(child=np.arange(len(here)))[["child", "issuer", "authority_key_id"]]
    children = children[children["issuer"].notna()].rename(columns={"issuer": "name", "authority_key_id": "wanted"})
    pairs = children.merge(known.assign(name=known["subject"]), on="name")
    asked = pairs["wanted"].notna() & pairs["subject_key_id"].notna()
    by_key = (asked & (pairs["wanted"] == pairs["subject_key_id"])).fillna(False).astype(bool)
    fits = (by_key | ~asked) & ~_is(pairs["is_ca"], False)
    match = np.where(by_key, "name and key id", "name")
    pairs = pairs.assign(by_key=by_key, match=pd.array(match, dtype=STRING))[fits]
    pairs = pairs.sort_values(["by_key", "not_after"], ascending=False, kind="stable").drop_duplicates("child")
    return pairs.set_index("child").reindex(np.arange(len(here))).reset_index(drop=True)


def _verdict(judged: pd.DataFrame) -> pd.Series:
    """The columns in words, one after the other; those without a message are left out."""
    signed = _is(judged["signed"], True)
    timed = judged["at"].notna()
    words = pd.Series("", index=judged.index, dtype=STRING)
    parts: list[tuple[pd.Series, Any]] = [
        (~signed, "not signed"),
        (_is(judged["signature_good"], True), "signature good"),
        (_is(judged["signature_good"], False), "signature does not fit"),
        (signed & judged["signature_good"].isna(), "signature not checked"),
        (_is(judged["signer_valid_at"], True), "signer valid"),
        (judged["signer_not_before"] > judged["at"], "signer not valid before " + _day(judged["signer_not_before"])),
        (judged["signer_not_after"] < judged["at"], "signer expired " + _day(judged["signer_not_after"])),
        (_is(judged["issuer_given"], True), "issuer given"),
        (_is(judged["issuer_given"], False), "issuer not among the given certificates"),
        (judged["missing_issuer"].notna() & _is(judged["issuer_given"], True), "chain ends before its root"),
        (
            _is(judged["chain_valid_at"], False) & _is(judged["signer_valid_at"], True),
            "a certificate above is not valid",
        ),
        (_is(judged["list_current_at"], True), "list in effect"),
        (judged["this_update"] > judged["at"], "list not yet in effect"),
        (timed & (judged["next_update"] <= judged["at"]), "next list was due " + _day(judged["next_update"])),
    ]
    for said, text in parts:
        words = words.mask(said.fillna(False).astype(bool), words + "; " + text)
    return words.str.removeprefix("; ")


def _is(values: pd.Series, wanted: bool | str) -> pd.Series:
    """Where a value is this one; <NA> is not."""
    return (values == wanted).fillna(False).astype(bool)


def _day(times: pd.Series) -> pd.Series:
    return times.dt.strftime("%Y-%m-%d %H:%MZ").astype(STRING)


def objects_in_log(
    objects: pd.DataFrame,
    events: pd.DataFrame,
    *,
    chain: pd.DataFrame | None = None,
    certificates: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Which objects in files beside the log the log refers to, by SHA-1.

    Parameters
    ----------
    objects : what files hold: columns source, kind, thumbprint of `certificates` or `trust_lists`.
    chain, certificates : what else the log lists, by event.

    Returns
    -------
    matches : one row per object and kind of reference: source, kind, thumbprint, reference (the column that
        names it), events (how many), first and last (UTC).
    """
    listed = events.reset_index()
    long = [listed[["event", "time", column]].rename(columns={column: "ref"}).assign(reference=column)
            for column in _REFERENCES]  # fmt: skip
    for name, table in (("chain", chain), ("certificates", certificates)):
        if table is not None:
            part = table.loc[table["event"].notna(), ["event", "thumbprint"]].drop_duplicates()
            part = part.astype({"event": "int64"}).merge(listed[["event", "time"]], on="event")
            long.append(part.rename(columns={"thumbprint": "ref"}).assign(reference=name))
    refs = pd.concat(long, ignore_index=True)
    refs["thumbprint"] = _sha1(refs["ref"])
    own = objects.loc[objects["source"].notna(), ["source", "kind", "thumbprint"]].drop_duplicates()
    pairs = own.merge(refs[refs["thumbprint"].notna()], on="thumbprint")
    groups = pairs.groupby(["source", "kind", "thumbprint", "reference"], sort=True, dropna=False)
    return groups.agg(events=("event", "nunique"), first=("time", "min"), last=("time", "max")).reset_index()


def crl_validity(waits: pd.DataFrame, events: pd.DataFrame, *, certificates: pd.DataFrame) -> pd.DataFrame:
    """Whether each CRL and OCSP response that an event used was valid at that time.

    Returns
    -------
    used : one row per event and object: event, time, url, thumbprint, kind, this_update, next_update, valid
        (this_update ≤ time < next_update; <NA> if the object itself is not known), waited (the event ends a
        wait for the network). In the order of events.
    """
    listed = events.reset_index()
    long = []
    for column, url in (("retrieved_ref", "url"), ("crl_ref", "crl_url"), ("ocsp_ref", "ocsp_url")):
        part = listed.loc[listed[column].notna(), ["event", "time", url, column]]
        long.append(
            part.set_axis(["event", "time", "url", "thumbprint"], axis=1).assign(surely=column != "retrieved_ref")
        )
    used = pd.concat(long, ignore_index=True)
    used["thumbprint"] = _sha1(used["thumbprint"])
    kinds = certificates[certificates["kind"].isin(["crl", "ocsp"]) & certificates["thumbprint"].notna()]
    kinds = kinds.drop_duplicates("thumbprint")[["thumbprint", "kind", "this_update", "next_update"]]
    used = used.merge(kinds, on="thumbprint", how="left")
    used = used[used["surely"] | used["kind"].notna()].drop_duplicates(["event", "thumbprint"])
    used["valid"] = _within(used["this_update"], used["next_update"], at=used["time"], last=False)
    used["waited"] = used["event"].isin(waits["event"])
    return used.drop(columns="surely").sort_values("event", kind="stable", ignore_index=True)


def _sha1(references: pd.Series) -> pd.Series:
    """The SHA-1 that a reference begins with; <NA> for a reference of another form."""
    return references.astype(STRING).str.extract(_SHA1, expand=False).str.upper()
