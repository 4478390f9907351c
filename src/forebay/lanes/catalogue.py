"""The served models by every name that callers use, each with its pool."""

from __future__ import annotations

from dataclasses import dataclass

from forebay.core.errors import UnknownModel
from forebay.core.models import Model
from forebay.core.money import Price
from forebay.engines.pool import Pool


@dataclass(frozen=True, slots=True)
class Served:
    """A model, the pool that runs it, and its prices by the names of its windows."""

    model: Model
    pool: Pool
    prices: dict[str, Price]


class Catalogue:
    """The served models. They are configured, or found when a replica tells what it serves."""

    def __init__(self) -> None:
        self._by_name: dict[str, Served] = {}
        self._names: dict[str, str] = {}
        self.untold: set[str] = set()
        """The replicas that have yet to tell, for the first time, which models they serve."""

    def add(self, model: Model) -> Served:
        """Serve a model, with a pool that has no replicas yet."""
        prices = {window.name: model.price(window) for window in model.windows}
        pool = Pool(model.name, takes_prefill=model.takes_prefill)
        served = Served(model, pool, prices)
        self._by_name[model.name] = served
        for name in (model.name, *model.aliases):
            self._names[name] = model.name
        return served

    def get(self, name: str) -> Served | None:
        """Return the model of that name or alias."""
        return self._by_name.get(self._names.get(name, ""))

    def resolve(self, name: str) -> Served:
        """Return the model of that name or alias; raises `UnknownModel`."""
        served = self.get(name)
        if served is None:
            raise UnknownModel(name)
        return served

    def all(self) -> list[Served]:
        """Return every served model, in the order of their adding."""
        return list(self._by_name.values())
