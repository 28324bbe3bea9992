"""Windows events: element trees or their XML → batches of vocabulary columns, by `data/fields.csv`.

`places` reads the map, `walk` follows it through one event, `skeletons` remembers
walks for events of the same shape, `tables` makes columns of the cells. No event
id is written here, and nothing of an event is lost: what has no column is in `extra`.
"""

from capi2kit.winevent.tables import Batch, EventRows

__all__ = ["Batch", "EventRows"]
