"""Places: `data/fields.csv` as a tree that is walked side by side with an event."""

from __future__ import annotations

from functools import cache

from capi2kit.knowledge import rows


class Place:
    """What fields.csv says about one element: its attributes, text, children, and the row it opens."""

    __slots__ = (
        "_again",
        "attributes",
        "children",
        "constants",
        "indexed",
        "labelled",
        "names",
        "table",
        "tag",
        "text",
    )

    def __init__(self) -> None:
        self.children: dict[str, Place] = {}
        self.attributes: dict[str, str] = {}
        self.names: str | None = None
        self.text: str | None = None
        self.tag: str | None = None
        self.table: str | None = None
        self.constants: dict[str, str] = {}
        self.indexed = False
        self.labelled = False
        self._again: list[Place] = []

    def at(self, path: str) -> Place:
        """The place at `path` below this one, made if need be."""
        place = self
        for step in filter(None, path.split("/")):
            label = step.partition("[")[2].rstrip("]")
            place.indexed |= label.isdigit()
            place.labelled |= bool(label) and not label.isdigit()
            place = place.children.setdefault(step, Place())
        return place

    def learn(self, column: str, *, path: str, kind: str) -> None:
        """Add one line of fields.csv below this place."""
        where, _, attribute = path.partition("@")
        place = self.at("" if where == "." else where)
        if kind.startswith("="):
            place.constants[column] = kind[1:]
        elif kind == "names":
            place.names = column
        elif kind == "element":
            place.tag = column
        elif attribute:
            place.attributes[attribute] = column
        else:
            place.text = HEADER if kind == "header" else column

    def again(self) -> Place:
        """This place for a second element of the same name: only the rows below it count."""
        if not self._again:
            self._again.append(Place())
            self._again[0].children = {
                name: child if child.table else child.again() for name, child in self.children.items()
            }
            self._again[0].indexed, self._again[0].labelled = self.indexed, self.labelled
        return self._again[0]

    def inherit(self) -> None:
        """Let an element named in fields.csv also know what is said about `*`."""
        for name, child in self.children.items():
            star = self.children.get("*")
            if star is not None and name != "*":
                for step, below in star.children.items():
                    child.children.setdefault(step, below)
                child.tag = child.tag or star.tag
            child.inherit()


HEADER = "header"  # in place of the two cells `name` and `value` until the table is made
NOWHERE = Place()


@cache
def specific() -> frozenset[tuple[str, str]]:
    """The channels and event ids that fields.csv names."""
    return frozenset((row["channel"], row["event_id"]) for row in rows("fields"))


def places(channel: str, event_id: str) -> Place:
    """The map for one kind of event: what is said about all, and about this one."""
    return _places(*((channel, event_id) if (channel, event_id) in specific() else ("", "")))


@cache
def _places(channel: str, event_id: str) -> Place:
    root = Place()
    for row in rows("fields"):
        if (row["channel"], row["event_id"]) in {("", ""), (channel, event_id)}:
            place = root.at(row["row"])
            if row["row"]:
                place.table = row["table"]
            place.learn(row["column"], path=row["path"], kind=row["kind"])
    root.inherit()
    return root


@cache
def kinds() -> dict[tuple[str, str], str]:
    """How the text of a cell is read, by table and column; plain text where nothing is said."""
    return {(row["table"], row["column"]): row["kind"] for row in rows("fields") if row["kind"] != "text"}
