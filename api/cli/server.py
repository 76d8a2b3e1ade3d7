"""The running server of a data directory, as its command line reaches it."""

import httpx

from api.keys import key_of
from schemas.refusals import DeskstreamError
from streams.settings import Settings

TIMEOUT = 30.0


class NotRunning(DeskstreamError):
    """No server of this data directory is running."""


class ServerRefused(DeskstreamError):
    """The server answered with a problem."""


class RunningServer:
    """Asks the server with the platform's token, both from the settings or the data directory."""

    def __init__(self, settings: Settings) -> None:
        """Raises NotRunning."""
        self._data = settings.data
        address = settings.public_url or self._published()
        token = key_of(settings.platform_token, settings.data / "platform.token")
        self._http = httpx.Client(
            base_url=address, headers={"authorization": f"Bearer {token}"}, timeout=TIMEOUT
        )

    def ask(self, method: str, path: str, body: object = None) -> httpx.Response:
        """One request. Raises NotRunning, ServerRefused."""
        try:
            response = self._http.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise self._not_running() from error
        if response.is_error:
            problem = response.json()
            detail = problem.get("detail") or problem["title"]
            raise ServerRefused(f"{problem['code']}: {detail}")
        return response

    def _published(self) -> str:
        try:
            return (self._data / "address").read_text("ascii").strip()
        except FileNotFoundError as error:
            raise self._not_running() from error

    def _not_running(self) -> NotRunning:
        return NotRunning(f"No server of {self._data} is running; start one: deskstream serve")
