"""What several test files share: the folder with the real logs, small logs, outlines."""

import os
from collections.abc import Callable
from pathlib import Path

import outlines
import pandas as pd
import pytest
import small_logs
from hypothesis import settings

settings.register_profile("any machine", deadline=None)  # a busy machine is no defect
settings.load_profile("any machine")
os.environ.pop("COLUMNS", None)  # output that goes to no terminal is 120 columns wide

WHERE_FROM = (
    "the real logs are not here: set CAPI2KIT_REAL_LOGS to a folder whose evtx/ holds public logs, such as "
    "'E_ShadowCopy6_...CAPI2%4Operational.evtx' of the omerbenamram/evtx samples, event 70 of EVTX-to-MITRE-Attack "
    "and the Application logs of DFIRArtifactMuseum"
)


UNITS = {"columns", "spans", "waits", "startups", "diagnosis", "questions"}  # folders whose tests mirror the analysis


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as `unit` what is in those folders and reads no file of datasets/: such tests have LAB among their names."""
    for item in items:
        module = getattr(item, "module", None)
        if item.path.parent.name in UNITS and not hasattr(module, "LAB") and not item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.unit)


@pytest.fixture(scope="session")
def real_logs() -> Path:
    """The folder with the real logs; a test without it is skipped and says where they come from."""
    folder = os.environ.get("CAPI2KIT_REAL_LOGS")
    if not folder or not Path(folder, "evtx").is_dir():
        pytest.skip(WHERE_FROM)
    return Path(folder)


@pytest.fixture
def outline() -> Callable[[str], pd.DataFrame]:
    """Turns an indented outline of calls into the spans that tell its truth; see `outlines`."""
    return outlines.spans


@pytest.fixture(scope="session")
def small_log(tmp_path_factory) -> Path:
    """A log of twelve records: w3wp.exe waits 10 s and 5 s for crl.example while Slow.dll is checked."""
    return _written(tmp_path_factory, "small.evtx", small_logs.small())


@pytest.fixture(scope="session")
def hostile_log(tmp_path_factory) -> Path:
    """The same story with texts that try to act."""
    return _written(tmp_path_factory, "hostile.evtx", small_logs.hostile())


@pytest.fixture(scope="session")
def damaged_log(tmp_path_factory) -> Path:
    """A log of which one record cannot be read."""
    return _written(tmp_path_factory, "damaged.evtx", small_logs.damaged())


def _written(factory: pytest.TempPathFactory, name: str, content: bytes) -> Path:
    path = factory.mktemp("logs") / name
    path.write_bytes(content)
    return path
