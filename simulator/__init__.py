"""A local Model Studio: the service's HTTP face, rules, task states, limits and faults, with pictures that say
SIMULATED. Needs no key and costs nothing.

    python -m simulator --port 8089

    with Simulator(Config(task_seconds=0.2)) as sim:
        sim.faults.add("throttle", on="create", times=2)
        ...call sim.base_url with sim.key...
        assert len(sim.billed) == 1
"""

from simulator.config import Account, Clock, Config
from simulator.running import Simulator
from simulator.server import Received
from simulator.service import Billed

__all__ = ["Account", "Billed", "Clock", "Config", "Received", "Simulator"]
