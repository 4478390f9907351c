"""Who took how much of the machine's CPU in a stretch of time."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuShares:
    """Percentages of one core. The load's are this process's; all other programs' are `others`."""

    gateway: float = 0.0
    load: float = 0.0
    others: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuMoment:
    """The CPU seconds taken until an instant."""

    at: float
    gateway_s: float
    load_s: float
    machine_s: float

    @classmethod
    def now(cls, gateway: int | None) -> "CpuMoment":
        """Look now; the gateway is a process, if there is one."""
        return cls(
            at=time.perf_counter(),
            gateway_s=0.0 if gateway is None else process_s(gateway),
            load_s=time.process_time(),
            machine_s=_machine_s(),
        )

    def shares_since(self, before: "CpuMoment") -> CpuShares:
        """Share out the time between two moments."""
        percent_of = 100 / (self.at - before.at)
        gateway = (self.gateway_s - before.gateway_s) * percent_of
        load = (self.load_s - before.load_s) * percent_of
        machine = (self.machine_s - before.machine_s) * percent_of
        return CpuShares(gateway=gateway, load=load, others=max(0.0, machine - gateway - load))


def process_s(pid: int) -> float:
    """Give the CPU seconds that a process has taken since its start, in all of its threads."""
    # The name, in parentheses, may hold anything; the third field follows it.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    user_ticks, system_ticks = int(fields[11]), int(fields[12])
    return (user_ticks + system_ticks) / _TICKS_PER_S


def _machine_s() -> float:
    # All but the fourth and the fifth, which are idle; guests are counted in the first two.
    user, nice, system, _, _, *rest = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
    return sum(int(ticks) for ticks in (user, nice, system, *rest)) / _TICKS_PER_S
