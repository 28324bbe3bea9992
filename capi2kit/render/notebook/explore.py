"""Explore: the waits of an analysis to click through: filters, a picture, a table, and the task of the wait that is chosen.

Needs the extra `lab` (ipywidgets, itables); without it, and where a notebook is only read, the same tables are shown as they are.
The state is in the notebook and in this computer: nothing is fetched from anywhere.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from capi2kit import words
from capi2kit.columns.instants import SECOND, nanoseconds
from capi2kit.given import analysis_of
from capi2kit.render.notebook.cards import Card
from capi2kit.render.notebook.markup import folded, text
from capi2kit.render.notebook.shown import show
from capi2kit.render.notebook.strip import picture
from capi2kit.render.notebook.views import view

if TYPE_CHECKING:
    from capi2kit.analysis import Analysis

_FILTERS = ("host", "process", "account", "server", "outcome")
_ALL = "all"
_ROWS = 1000  # of the table
_TASK = 8  # characters of a TaskId that are enough to name it
_STATIC = 30  # rows where nothing can be clicked
_LACKING = "To click through the waits: pip install 'capi2kit[lab]'"
_NOTHING = "Choose a wait in the table: its task appears here."


class Choice(NamedTuple):
    """What is chosen: for each filter a word (missing: all), and the first and the last second of the log."""

    words: dict[str, str]
    first_s: float
    last_s: float


def explore(analysis: Analysis, *, tz: str = "UTC") -> Explorer | Card:
    """Click through the waits: filters over a picture and a table, and the task of the wait that is chosen.

    Parameters
    ----------
    analysis : what `analyse` returned.
    tz : zone in which times are shown.

    Returns
    -------
    Explorer, or Card
        Widgets that a notebook shows, if the extra `lab` is installed; else the longest waits as a table, and how to get the widgets.

    Raises
    ------
    TableError : `analysis` is no analysis; the message says what to pass.
    """
    whole = analysis_of(analysis)
    try:
        return Explorer(whole, tz=tz)
    except ImportError:
        fixed = _fixed(whole, tz=tz)
        return Card(f"{fixed._repr_html_()}{text('p', _LACKING)}", f"{fixed!r}\n{_LACKING}")


def labelled(waits: pd.DataFrame) -> pd.DataFrame:
    """The waits, the longest first, with the words that filters choose by, and when each began (s after the first one)."""
    begin = nanoseconds(waits["start"])
    known = waits["start"].notna().to_numpy(bool)
    zero = int(begin[known].min()) if known.any() else 0
    processes = zip(waits["process"], waits["pid"], strict=True)
    sids = {sid: words.brief_account(sid) for sid in waits["user_sid"].drop_duplicates()}
    made = waits.assign(
        filter_host=waits["host"].map(words.visible),
        filter_process=[words.with_pid(name, pid) for name, pid in processes],
        filter_account=[sids[sid] for sid in waits["user_sid"]],
        filter_server=waits["url_host"].map(words.visible),
        filter_outcome=waits["outcome"].map(words.visible),
        begin_s=[
            (one - zero) / SECOND if there else 0.0 for one, there in zip(begin.tolist(), known.tolist(), strict=True)
        ],
    )
    return made.sort_values("high_s", ascending=False, kind="stable").reset_index(drop=True)


def chosen(waits: pd.DataFrame, choice: Choice) -> pd.DataFrame:
    """The waits of `labelled` that a choice keeps."""
    kept = waits["begin_s"].between(choice.first_s, choice.last_s).to_numpy(bool)
    for name, word in choice.words.items():
        kept = kept & (waits[f"filter_{name}"] == word).to_numpy(bool)
    return waits[kept]


class Explorer:
    """Widgets over the waits of an analysis. `filters`, `window`, `table`: what a person changes; `task`: what is chosen."""

    def __init__(self, analysis: Analysis, *, tz: str) -> None:
        import ipywidgets
        from itables.widget import ITable

        self._analysis, self._tz = analysis, tz
        self._waits = self._shown = labelled(analysis.waits)
        last = float((self._waits["begin_s"] + self._waits["high_s"].fillna(0)).max()) if len(self._waits) else 1.0
        self.filters = {name: ipywidgets.Dropdown(options=self._options(name), description=name) for name in _FILTERS}
        self.window = ipywidgets.FloatRangeSlider(
            value=(0.0, last),
            min=0.0,
            max=last,
            step=max(last / 500, 0.001),
            description="seconds",
            readout_format=".1f",
        )
        self.window.layout.width = "40em"
        self.summary, self.picture, self.task = ipywidgets.HTML(), ipywidgets.HTML(), ipywidgets.HTML(_NOTHING)
        self.table = ITable(self._rows(), select="single", showIndex=False, maxBytes=0, pageLength=8)
        for widget in (*self.filters.values(), self.window):
            widget.observe(self._filtered, names="value")
        self.table.observe(self._clicked, names="selected_rows")
        self._draw()
        boxes = ipywidgets.HBox(list(self.filters.values()), layout={"flex_flow": "row wrap"})
        parts = [boxes, self.window, self.summary, self.picture, self.table, self.task]
        self.widget = ipywidgets.VBox(parts, layout={"max_width": "80rem"})

    def _ipython_display_(self, **_: Any) -> None:
        """The widgets; and folded below them the longest waits, for whoever reads the notebook where no kernel runs."""
        from IPython.display import HTML, display

        display(self.widget)
        display(
            HTML(
                folded(
                    "The longest waits, where nothing can be clicked", _fixed(self._analysis, tz=self._tz)._repr_html_()
                )
            )
        )

    def _repr_mimebundle_(self, **more: Any) -> dict[str, Any]:
        """The widgets, and for a viewer that has none the longest waits as they are."""
        made: Any = self.widget._repr_mimebundle_(**more)
        fixed = _fixed(self._analysis, tz=self._tz)
        return {
            **(made[0] if isinstance(made, tuple) else made),
            "text/html": fixed._repr_html_(),
            "text/plain": repr(fixed),
        }

    def __repr__(self) -> str:
        return repr(_fixed(self._analysis, tz=self._tz))

    def _options(self, name: str) -> list[tuple[str, str]]:
        """The words of a filter with the number of their waits, the most frequent first."""
        counts = self._waits[f"filter_{name}"].value_counts(sort=True)
        return [(_ALL, ""), *((f"{word} ({count})", str(word)) for word, count in counts.items())]

    @property
    def choice(self) -> Choice:
        """What is chosen now."""
        named = {name: widget.value for name, widget in self.filters.items() if widget.value}
        return Choice(named, *self.window.value)

    def _filtered(self, change: Any) -> None:
        self._shown = chosen(self._waits, self.choice)
        self.table.update(self._rows(), selected_rows=[])
        self.task.value = _NOTHING
        self._draw()

    def _clicked(self, change: Any) -> None:
        rows = self._shown.iloc[[place for place in self.table.selected_rows if place < len(self._shown)]]
        self.task.value = (
            show(self._analysis, str(rows["task_id"].iloc[0]), tz=self._tz)._repr_html_() if len(rows) else _NOTHING
        )
        self._draw(int(rows["event"].iloc[0]) if len(rows) else None)

    def _draw(self, event: int | None = None) -> None:
        found, (first, last) = self._shown, self.window.value
        total = words.seconds(found["wait_s"].fillna(0).sum())
        more = f"; the table holds the {_ROWS:,} longest" if len(found) > _ROWS else ""
        said = f"{words.count(len(found), 'wait')} of {len(self._waits):,}, {total} with all threads added up{more}."
        self.summary.value = text("p", said)
        known = self._waits["start"].dropna()
        zero = known.min().value if len(known) else 0
        self.picture.value = picture(found, begin=zero + int(first * SECOND), seconds=last - first, chosen=event)

    def _rows(self) -> pd.DataFrame:
        found = self._shown.head(_ROWS)
        lengths = (
            words.duration(wait, low=low, high=high, quality=quality)
            for wait, low, high, quality in zip(
                *(found[name] for name in ("wait_s", "low_s", "high_s", "quality")), strict=True
            )
        )
        files = (
            words.visible(words.file_name(name)) if isinstance(name, str) else words.ABSENT for name in found["target"]
        )
        cells = {"begins at s": found["begin_s"].round(3).tolist(), "true wait": list(lengths)}
        several = [
            name for name in _FILTERS if self._waits[f"filter_{name}"].nunique() > 1
        ]  # one word for all is in the filter already
        cells |= {name: found[f"filter_{name}"].tolist() for name in several}
        cells |= {"while checking": list(files), "task": [words.visible(task)[:_TASK] for task in found["task_id"]]}
        return pd.DataFrame(cells)


def _fixed(analysis: Analysis, *, tz: str) -> Card:
    """The longest waits, where nothing can be clicked."""
    longest = analysis.waits.sort_values("high_s", ascending=False, kind="stable")
    return view(replace(analysis, waits=longest), "waits", rows=_STATIC, tz=tz)
