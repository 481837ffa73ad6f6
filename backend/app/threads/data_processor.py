"""DataProcessor: derived bars, indicators and historical indicators; SessionData's only writer."""

from collections.abc import Mapping, Sequence

from app.core.data_structures import BarColumns
from app.core.indicators import IndicatorSpec
from app.core.sessions import SessionGrid
from app.services.indicators.factory import create_trailing
from app.services.indicators.trailing import current_values
from app.services.market_data.bar_aggregation import session_rows
from app.services.simulation.derivation import Derivation
from app.threads.messages import DerivedSlab, NamedValues, Slab
from app.threads.sync import Channel, RunControl
from app.threads.worker import Worker


class HistoricalIndicators:
    """The config's historical indicators of every symbol, told before each session begins."""

    def __init__(
        self,
        specs: Mapping[str, IndicatorSpec],
        symbols: Sequence[str],
        sessions: SessionGrid,
    ) -> None:
        self._sessions = sessions
        self._states = {
            name: {symbol: create_trailing(spec, sessions) for symbol in symbols}
            for name, spec in specs.items()
        }

    def step(self, slab: Slab) -> list[NamedValues]:
        """For each session of the slab what it starts with; then its bars are taken in."""
        if not self._states:
            return []
        rows = {
            symbol: session_rows(bars.start_ns, self._sessions)
            for symbol, bars in slab.minutes.items()
        }
        values = []
        for number in range(slab.first, slab.last):
            values.append(self._before(number))
            for symbol, bars in slab.minutes.items():
                first, last = rows[symbol].searchsorted((number, number + 1))
                self._take(symbol, bars.slice(int(first), int(last)))
        return values

    def _before(self, number: int) -> NamedValues:
        return {
            name: {symbol: current_values(state, number) for symbol, state in states.items()}
            for name, states in self._states.items()
        }

    def _take(self, symbol: str, bars: BarColumns) -> None:
        if len(bars):
            sessions = session_rows(bars.start_ns, self._sessions)
            for states in self._states.values():
                states[symbol].step(bars, sessions)


class DataProcessor(Worker):
    """Takes slabs of minutes, derives what strategies and config ask for, passes on row ranges."""

    def __init__(
        self,
        control: RunControl,
        *,
        derivation: Derivation,
        historical: HistoricalIndicators,
        slabs: Channel[Slab],
        derived: Channel[DerivedSlab],
    ) -> None:
        super().__init__("DataProcessor", control)
        self._derivation = derivation
        self._historical = historical
        self._slabs = slabs
        self._derived = derived

    def work(self) -> None:
        """Derive until there are no more slabs."""
        while (slab := self._slabs.get()) is not None:
            with self.working():
                historical = self._historical.step(slab)
                self.beat()
                batch = self._derivation.step(slab.minutes, slab.until_ns)
            if not self._derived.put(DerivedSlab(slab, batch, historical)):
                return
        self._derived.close()
