"""Companions: the text files that lie beside the logs of a computer, from the same simulated clock.

Requests and traces show who waited for a start-up, the cache lists what came and
what did not, the proxy settings say which way out there was.
"""

from __future__ import annotations

from capi2kit.lab.simulate.certutil import write_caches, write_proxy
from capi2kit.lab.simulate.iis import write_w3c
from capi2kit.lab.simulate.processes import write_workers
from capi2kit.lab.simulate.sharepoint import write_uls
from capi2kit.lab.simulate.world import World


def write_companions(world: World, host: str) -> dict[str, bytes]:
    """The text files of a computer: file name → bytes."""
    proxy = {"netsh_winhttp_show_proxy.txt": write_proxy(world)}
    requests = write_w3c(world, host) | write_uls(world, host)
    return requests | write_caches(world, host) | write_workers(world, host) | proxy
