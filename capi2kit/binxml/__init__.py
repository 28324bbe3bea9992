"""Binary XML, the encoding of event records in .evtx files: bytes ↔ element trees, one record at a time.

Knows the encoding only: nothing about CAPI2, no tables, no files. The lab and
the salvage of damaged chunks build on it.
"""

from capi2kit.binxml.decode import Decoder
from capi2kit.binxml.encode import CHUNK, FIRST, Encoder, FullChunk
from capi2kit.binxml.fragments import NOT_IN_XML, UNKNOWN_NAME, BinXmlError, Instance, Node, Slot, Template
from capi2kit.binxml.names import bucket_offsets, has_loop, name_hash, read_name
from capi2kit.binxml.values import filetime_text

__all__ = [
    "CHUNK",
    "FIRST",
    "NOT_IN_XML",
    "UNKNOWN_NAME",
    "BinXmlError",
    "Decoder",
    "Encoder",
    "FullChunk",
    "Instance",
    "Node",
    "Slot",
    "Template",
    "bucket_offsets",
    "filetime_text",
    "has_loop",
    "name_hash",
    "read_name",
]
