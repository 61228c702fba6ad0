"""Tells the control plane of the proxies which instances can be called, whenever that changes."""

from collections.abc import Callable

from config_service.fleet.store import InstanceStore, LiveEndpoint
from mesh.database import Database

OnChange = Callable[[tuple[LiveEndpoint, ...]], None]


class Endpoints:
    """The live endpoints as last seen in the database, which every replica of config_service writes to.

    Args:
        database: of config_service.
        store: the instances.
    """

    def __init__(self, database: Database, store: InstanceStore) -> None:
        self._database = database
        self._store = store
        self._listeners: list[OnChange] = []
        self._live: tuple[LiveEndpoint, ...] | None = None

    def on_change(self, listener: OnChange) -> None:
        """Call back, on the event loop, with all live endpoints: at the next look, then whenever they have changed."""
        self._listeners.append(listener)
        self._live = None

    def lack(self, endpoint: LiveEndpoint) -> bool:
        """Tell whether an endpoint is not among those told last, or was another then."""
        return self._live is None or endpoint not in self._live

    async def look(self) -> None:
        """Compare with what was told last, and tell when it differs.

        Leases run out by themselves, so look every few seconds.
        """
        live = await self._database.read(self._store.live)
        if live != self._live:
            self._live = live
            for listener in self._listeners:
                listener(live)
