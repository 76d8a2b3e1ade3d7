"""What the API is made of: handed to `create_app`, made by the composition of the process."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from starlette.routing import BaseRoute

from api.auth.authenticator import Authenticator
from api.auth.login_brake import LoginBrake
from api.auth.passwords import Passwords
from api.door import Door
from api.gateway import Gateway
from projections.projector import Projector
from projections.store import Projections
from streams.clock import Clock
from streams.settings import Settings


class Part(NamedTuple):
    """How one part of the service is: whether it works, and a few words."""

    ok: bool
    detail: str = ""


class Measure(NamedTuple):
    """A number for /metrics: its name with unit, what it counts, and how to read it now."""

    name: str
    kind: Literal["counter", "gauge"]
    help: str
    read: Callable[[], float]


Check = Callable[[], Awaitable[Part]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything that requests need.

    `projector` is None where other processes project. `checks` and `measures` feed /readyz and
    /metrics. `live_routes` stand under /v1/live.
    """

    settings: Settings
    clock: Clock
    gateway: Gateway
    projections: Projections
    projector: Projector | None
    authenticator: Authenticator
    passwords: Passwords
    door: Door
    login_brake: LoginBrake = field(default_factory=LoginBrake)
    live_routes: Sequence[BaseRoute] = ()
    checks: Mapping[str, Check] = field(default_factory=dict)
    measures: Sequence[Measure] = ()
