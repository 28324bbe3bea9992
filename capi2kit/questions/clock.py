"""Clock: how far each computer's clock was off, and which certificates and lists seem invalid only because of it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from capi2kit.columns.cells import shaped

PERIODS = (("not_before", "not_after"), ("this_update", "next_update"))


def clock(clocks: pd.DataFrame, *, certificates: pd.DataFrame, events: pd.DataFrame) -> pd.DataFrame:
    """The clock errors with what they explain.

    Parameters
    ----------
    clocks, certificates, events : tables of an analysis whose times were not corrected.

    Returns
    -------
    clock : DataFrame
        One row per row of `clocks`, in the columns of table `clock`. Each certificate and list of a record counts once, at
        the clock error measured nearest to it on its computer: `not_valid` were outside their period by the clock of the
        computer, `explained` of these are inside it by a correct clock. Being outside is not an error in itself: a
        signature with a time stamp is judged by the time of signing.
    """
    counts = pd.DataFrame(0, index=range(len(clocks)), columns=["objects", "not_valid", "explained"])
    seen = _objects(certificates, events)
    for host, mine in clocks.reset_index(drop=True).groupby("host"):
        here = seen[seen["host"] == host]
        if here.empty:
            continue
        measured = mine["time"].to_numpy("datetime64[ns]").view("int64")
        moment = here["time"].to_numpy("datetime64[ns]").view("int64")
        nearest = np.abs(moment[:, None] - measured[None, :]).argmin(axis=1)
        offset = pd.to_timedelta(mine["offset_s"].to_numpy("float64")[nearest], unit="s")
        outside = ~_inside(here, here["time"])
        explained = outside & _inside(here, here["time"] - offset)
        row = mine.index.to_numpy()[nearest]
        for name, flags in (("objects", np.ones(len(here), bool)), ("not_valid", outside), ("explained", explained)):
            counts[name] += np.bincount(row[flags], minlength=len(clocks))
    return shaped(pd.concat([clocks.reset_index(drop=True), counts], axis=1), "clock")


def _objects(certificates: pd.DataFrame, events: pd.DataFrame) -> pd.DataFrame:
    """Certificates and lists with a period, and when their record was written."""
    times = events.set_index("event")["time"]
    dated = [certificates[begin].notna() | certificates[end].notna() for begin, end in PERIODS]
    known = certificates[certificates["event"].isin(times.index[times.notna()]) & (dated[0] | dated[1])]
    return known.assign(time=times.reindex(known["event"]).array).reset_index(drop=True)


def _inside(objects: pd.DataFrame, moment: pd.Series) -> np.ndarray:
    """Whether a moment is inside each period that an object has; a missing bound excludes nothing."""
    good = np.ones(len(objects), bool)
    for begin, end in PERIODS:
        good &= ~(objects[begin] > moment).to_numpy(bool) & ~(objects[end] < moment).to_numpy(bool)
    return good
