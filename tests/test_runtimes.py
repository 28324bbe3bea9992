"""Runtimes: which .NET runtime a process loads, by its command line, and what that makes of a finding."""

import pandas as pd
import pytest
from around import CHECKS, at_home, created, evidence
from outlines import spans, waits

from capi2kit import load
from capi2kit.columns.cells import empty
from capi2kit.columns.coded import coded
from capi2kit.startups import find_startups
from capi2kit.startups.outer_interval import frame_startups
from capi2kit.winevent.inferences import infer

SHAREPOINT = r'"C:\Program Files\Common Files\Microsoft Shared\Web Server Extensions\{}\BIN\OWSTIMER.EXE"'


@pytest.mark.parametrize(
    ("line", "pool", "version"),
    [
        (r'c:\windows\w3wp.exe -ap "Portal" -v "v4.0" -l "webengine4.dll"', "Portal", "v4.0"),
        (r"c:\windows\w3wp.exe -ap Portal -v v2.0 -m 0", "Portal", "v2.0"),
        (r'c:\windows\w3wp.exe -ap "Portal" -v "" -m 0', "Portal", None),  # no managed code
        (r'c:\windows\w3wp.exe -ap "Portal"', "Portal", None),
        (SHAREPOINT.format(14), None, "v2.0"),
        (SHAREPOINT.format(16), None, "v4.0"),
        (r"C:\tools\app.exe -v v4.0", None, None),  # any program may have such an option
        (None, None, None),
    ],
)
def test_the_runtime_is_named_by_the_command_line_or_by_the_folder_of_the_program(line, pool, version):
    texts = {"command_line": coded([line])}
    infer(texts, count=1)
    assert (texts["app_pool"].texts(), texts["clr_version"].texts()) == ([pool], [version])


@pytest.mark.parametrize(
    ("versions", "found"), [(["v4.0"], "v4.0"), ([None], None), (["v2.0", "v4.0"], None), (["v2.0", "v2.0"], "v2.0")]
)
def test_a_start_up_has_the_runtime_of_its_process_if_only_one_is_named(versions, found):
    inner = find_startups(at_home(spans(CHECKS), "spans"), at_home(waits(CHECKS), "waits"))
    rows = [created(8.5 + number / 10, clr_version=version) for number, version in enumerate(versions)]
    (row,) = frame_startups(inner, evidence(*rows), settings=empty("settings"), gap_s=30).to_dict("records")
    assert (None if pd.isna(row["clr_version"]) else row["clr_version"]) == found


POOLS = """pool,field,value
{pool},state,Started
{pool},managedRuntimeVersion,{version}
Other,managedRuntimeVersion,v4.0
"""


@pytest.mark.parametrize(
    ("pool", "version", "by_line", "found"),
    [
        ("Portal", "v2.0", None, "v2.0"),
        ("Portal", "", None, None),  # no managed code
        ("Else", "v2.0", None, None),  # not the pool of this process
        ("Portal", "v2.0", "v4.0", "v4.0"),  # the command line is of the process itself
    ],
)
def test_the_list_of_pools_says_the_runtime_of_a_worker_process(pool, version, by_line, found, tmp_path):
    path = tmp_path / "apppools.csv"
    path.write_text(POOLS.format(pool=pool, version=version), encoding="utf-8")
    inner = find_startups(at_home(spans(CHECKS), "spans"), at_home(waits(CHECKS), "waits"))
    case = evidence(created(8.5, app_pool="Portal", clr_version=by_line))
    (row,) = frame_startups(inner, case, settings=load(path).settings, gap_s=30).to_dict("records")
    assert (None if pd.isna(row["clr_version"]) else row["clr_version"]) == found
