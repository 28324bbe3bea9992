"""Sheet: what all charts share. Axes with their place, names of rows, title, note and legend.

A chart without axes of its own gets a Figure that pyplot does not know of.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import ScaledTranslation

from capi2kit.charts.labels import points
from capi2kit.charts.palette import AS_IS, GRID, INK, PAPER, QUIET, TEXT_PT, TITLE_PT
from capi2kit.words import shorter

WIDTH_IN = 11.0
EMPTY_IN = 1.5
NAMES_PART = 0.58
GAP_PT = 5.0  # between a name and the axes
LINE_PT = 1.3  # height of a line of text in parts of its size
MARGIN_PT = 6.0  # around a figure of our own
TITLE_PAD_PT = 8.0
TOP_PT = 12.0  # above the axes, where a column beside them has a heading
OVERHANG_PT = 26.0  # what the label of a tick may need right of the axes
TICKS_PT = 20.0  # ticks and their labels


class Sheet(NamedTuple):
    """Axes with their place: everything in points. `width`: of the axes; `left`, `right`: of the names and texts beside them.

    `box`: the part of the figure that the chart may use, as fractions; `own`: a figure of ours, whose height is ours to choose.
    """

    ax: Axes
    width: float
    left: float
    right: float
    rows: int
    box: tuple[float, float, float, float]
    own: bool


def open_sheet(
    ax: Axes | None, names: Sequence[str], *, right: Sequence[str] = (), size: float = TEXT_PT, indent: bool = False
) -> Sheet:
    """Axes with a row for each name, from the top down; `right`: texts that will be written right of them; `indent`: names flush left.

    All text is measured from the font, so that nothing has to be drawn to know where it goes. Axes that were handed in keep to their
    own box: names, title and texts are inside it, and other axes of the figure are not touched.
    """
    own = ax is None
    ax = open_axes(ax)
    box = (0.0, 0.0, 1.0, 1.0) if own else ax.get_position(original=True).bounds
    total = _size_of(ax)[0] * box[2] - 2 * MARGIN_PT * own
    beside = max((points(text, TEXT_PT) for text in right), default=0.0)
    beside = beside + GAP_PT if beside else OVERHANG_PT
    left = set_rows(ax, names, room=NAMES_PART * (total - beside), size=size, indent=indent)
    width = max(total - left - beside, 0.15 * total)
    sheet = Sheet(ax, width, left, beside, len(names), box, own)
    _put(sheet, bottom=0.1, height=0.8)
    return sheet


def close_sheet(
    sheet: Sheet,
    *,
    title: str,
    label: str,
    row_in: float,
    notes: Sequence[str] = (),
    legend: Sequence[Artist] = (),
    ticks: float = TICKS_PT,
) -> Axes:
    """Write title and footer, and give the axes their height: so much for each row, or what the box leaves.

    `ticks`: the height of the ticks and their labels.
    """
    ax = sheet.ax
    head = TOP_PT if sheet.right > OVERHANG_PT else 0.0
    lines = put_title(ax, title, width=sheet.width + sheet.right, left=sheet.left, above=head)
    below = put_footer(ax, label, notes=notes, legend=legend, width=sheet.width, left=sheet.left, ticks=ticks)
    top = TITLE_PAD_PT + head + lines * LINE_PT * TITLE_PT
    if sheet.own:
        height = sheet.rows * row_in * 72
        total = top + height + below + 2 * MARGIN_PT
        figure_of(ax).set_figheight(total / 72)
        _put(sheet, bottom=(below + MARGIN_PT) / total, height=height / total)
        return ax
    total = _size_of(ax)[1] * sheet.box[3]
    height = max(total - top - below, 0.2 * total)
    _put(sheet, bottom=sheet.box[1] + sheet.box[3] * below / total, height=sheet.box[3] * height / total)
    return ax


def _size_of(ax: Axes) -> tuple[float, float]:
    """Width and height of the figure or the part of it that the axes are in, in points."""
    box = figure_of(ax).bbox if ax.figure is None else ax.figure.bbox
    return box.width / figure_of(ax).dpi * 72, box.height / figure_of(ax).dpi * 72


def _put(sheet: Sheet, *, bottom: float, height: float) -> None:
    """Place the axes between their names and the texts at the right."""
    total = _size_of(sheet.ax)[0]
    begin = sheet.box[0] + (sheet.left + MARGIN_PT * sheet.own) / total
    sheet.ax.set_position((begin, bottom, sheet.width / total, height))


def open_axes(ax: Axes | None) -> Axes:
    """The axes handed in, or new ones; in the house style."""
    if ax is None:
        figure = Figure(figsize=(WIDTH_IN, EMPTY_IN), facecolor=PAPER)
        ax = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    ax.set_facecolor(PAPER)
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.spines["bottom"].set_color(QUIET)
    ax.set_axisbelow(True)
    ax.grid(axis="x", color=GRID, linewidth=0.8)
    ax.tick_params(axis="both", labelsize=TEXT_PT, colors=QUIET)
    ax.tick_params(axis="y", length=0, labelcolor=INK)
    return ax


def say_nothing(ax: Axes | None, text: str) -> Axes:
    """Axes that hold one readable sentence instead of a picture."""
    ax = open_axes(ax)
    ax.set_axis_off()
    width = _size_of(ax)[0] * ax.get_position(original=True).width
    lines = wrapped(text, width - 2 * MARGIN_PT, size=TITLE_PT)
    middle: dict[str, Any] = {"ha": "center", "va": "center", "transform": ax.transAxes}
    ax.text(0.5, 0.5, lines, size=TITLE_PT, color=QUIET, **middle, **AS_IS)
    return ax


def set_rows(ax: Axes, names: Sequence[str], *, room: float, size: float = TEXT_PT, indent: bool = False) -> float:
    """Rows from the top down with their names in so much room, and the width of these; `indent` sets them flush left.

    Names that are too long are cut so that they stay different from each other.
    """
    fitting = distinct(names, room=room, size=size)
    widest = max((points(name, size) for name in fitting), default=0.0)
    ax.set_ylim(len(fitting) - 0.5, -0.5)
    ax.set_yticks(range(len(fitting)), fitting, ha="left" if indent else "right", size=size, **AS_IS)
    ax.tick_params(axis="y", pad=GAP_PT + widest if indent else GAP_PT)
    return widest + GAP_PT


def distinct(names: Sequence[str], *, room: float, size: float) -> list[str]:
    """Names that fit into so many points; of those that would be cut to the same text, the parts that differ are kept."""
    cut = [_cut(name, room=room, size=size) for name in names]
    for place, text in enumerate(cut):
        alike = [i for i, other in enumerate(cut) if other == text and names[i] != names[place]]
        if alike and text != names[place]:
            start = max(_shared(names[place], names[i]) for i in alike)
            kept = max(len(text) - 1, 2)
            begin = max(start - kept // 3, 0)
            part = f"…{names[place][begin:]}" if begin else names[place]
            cut[place] = _cut(part, room=room, size=size, end=True)
    return cut


def _cut(name: str, *, room: float, size: float, end: bool = False) -> str:
    width = points(name, size)
    if width <= room:
        return name
    length = max(int(len(name) * room / width), 8)
    text = f"{name[: length - 1]}…" if end else shorter(name, length)
    while points(text, size) > room and length > 2:
        length -= 1
        text = f"{name[: length - 1]}…" if end else shorter(name, length)
    return text


def _shared(one: str, other: str) -> int:
    """How many characters two names begin alike with."""
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def figure_of(ax: Axes) -> Figure:
    """The outermost figure of the axes."""
    figure = ax.figure.figure if ax.figure else None
    if not isinstance(figure, Figure):
        raise ValueError("these axes belong to no figure")
    return figure


def _shift(ax: Axes, *, x: float = 0.0, y: float = 0.0) -> ScaledTranslation:
    return ScaledTranslation(x / 72, y / 72, figure_of(ax).dpi_scale_trans)


def wrapped(text: str, width: float, *, size: float, bold: bool = False) -> str:
    """The text in lines of at most so many points."""
    lines = [""]
    for word in re.split(r" +(?!s\b)", text):  # a number keeps its unit
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and points(longer, size, bold=bold) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return "\n".join(lines)


def put_title(ax: Axes, text: str, *, width: float, left: float, above: float = 0.0) -> int:
    """One sentence, so far above the axes, which begins so many points left of them; how many lines it has."""
    lines = wrapped(text, width + left, size=TITLE_PT, bold=True)
    title = ax.set_title(
        lines, loc="left", size=TITLE_PT, weight="bold", color=INK, pad=TITLE_PAD_PT + above, y=1.0, **AS_IS
    )
    title.set_transform(title.get_transform() + _shift(ax, x=-left))
    return lines.count("\n") + 1


def put_footer(
    ax: Axes,
    label: str,
    *,
    width: float,
    left: float,
    notes: Sequence[str] = (),
    legend: Sequence[Artist] = (),
    ticks: float = TICKS_PT,
) -> float:
    """What the x axis means, remarks below it, and the legend at the right, lower if it would not fit beside; the height of it all."""
    text = "\n".join(wrapped(text, width, size=TEXT_PT) for text in (label, *notes) if text)
    style: dict[str, Any] = {"size": TEXT_PT, "color": QUIET, "va": "top", "linespacing": LINE_PT, **AS_IS}
    ax.set_xlabel(text, loc="left", **style)
    ax.xaxis.set_label_coords(0, 0, transform=ax.transAxes + _shift(ax, y=-ticks))
    height = ticks + (1 + text.count("\n")) * LINE_PT * TEXT_PT * bool(text)
    if not legend:
        return height
    needed = sum(points(str(handle.get_label()), TEXT_PT) + 4.5 * TEXT_PT for handle in legend)
    beside = max(points(line, TEXT_PT) for line in text.split("\n")) + needed < width
    drop = ticks if beside else height + 2
    columns = len(legend) if needed < width + left else 1
    shift = 0.0 if beside or needed < width else -left
    _put_legend(ax, legend, right=beside, columns=columns, place=ax.transAxes + _shift(ax, x=shift, y=-drop))
    return max(height, drop - (-len(legend) // columns) * 1.9 * TEXT_PT)


def _put_legend(ax: Axes, legend: Sequence[Artist], *, right: bool, columns: int, place: Any) -> None:
    corner: Any = (
        {"loc": "upper right", "bbox_to_anchor": (1, 0)} if right else {"loc": "upper left", "bbox_to_anchor": (0, 0)}
    )
    style: Any = {"frameon": False, "fontsize": TEXT_PT, "labelcolor": INK, "borderaxespad": 0, "borderpad": 0.2}
    ax.legend(
        handles=list(legend),
        **corner,
        bbox_transform=place,
        ncols=columns,
        handlelength=1.8,
        columnspacing=1.4,
        **style,
    )
