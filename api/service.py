"""A process that answers: alone in a cluster, or with everything else in it."""

from api.process import Process
from api.roles import Role
from api.roles.answering import Answering
from api.roles.deciding import Deciding
from api.roles.keeping import Keeping
from api.roles.projecting import Projecting
from api.roles.reading import Reading
from api.storage import Storage
from projections.projector import Projector
from streams.clock import Clock, SteadyClock
from streams.log.sqlite import SqliteLog
from streams.settings import Settings


class Service(Process):
    """A process with the API. Made by `open`; `run` does the work."""

    def __init__(
        self, settings: Settings, clock: Clock, storage: Storage, *, alone: bool = False
    ) -> None:
        """`alone`: other processes decide and project."""
        answering = Answering(settings, clock, storage.log, storage.rows)
        roles: list[Role] = [answering, Reading(storage.log, storage.rows)]
        self.projector: Projector | None = None
        if not alone:
            projecting = Projecting(storage.log, storage.rows)
            self.projector = projecting.projector
            roles = [
                Deciding(settings, clock, storage.log, storage.snapshots),
                answering,
                projecting,
            ]
        if isinstance(storage.log, SqliteLog):
            roles.append(Keeping(storage.log))
        super().__init__(storage, roles)
        self.settings = settings
        self.clock = clock
        self.projections = storage.rows
        self.gateway = answering.gateway
        self.passwords = answering.passwords
        self.platform_token = answering.platform_token
        self.live = answering.live
        self.app = answering.application(self.projector, self.checks, self.measures)

    @classmethod
    async def open(
        cls, settings: Settings, clock: Clock | None = None, *, alone: bool = False
    ) -> "Service":
        """Open what the settings name, or make it there.

        Raises LogUnusable (in use, torn, altered, of another kind), OSError.
        """
        cls.tune()
        storage = await Storage.open(settings)
        return cls(settings, clock or SteadyClock(), storage, alone=alone)
