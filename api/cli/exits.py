"""How a command ends: what is wrong, in one line on standard error, and a code."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from schemas.refusals import DeskstreamError
from streams.log.errors import LogError, LogUnusable
from streams.settings import Settings, WrongSettings, load_settings

WRONG_USE = 2
UNUSABLE_LOG = 3
FAILED = 1


@contextmanager
def clear_errors() -> Iterator[None]:
    """Turn what Deskstream itself raises into a line and an exit code.

    2: settings or arguments are wrong; 3: the log cannot be used as it stands; 1: anything else.
    """
    try:
        yield
    except WrongSettings as error:
        _end(error, WRONG_USE)
    except LogUnusable as error:
        _end(error, UNUSABLE_LOG)
    except (DeskstreamError, LogError, OSError) as error:
        _end(error, FAILED)


def settings_with(**overrides: object) -> Settings:
    """The settings, with those options of the command line that were given."""
    return load_settings(**{name: value for name, value in overrides.items() if value is not None})


def _end(error: Exception, code: int) -> None:
    print(f"deskstream: {error}", file=sys.stderr)
    raise typer.Exit(code) from error


DATA_HELP = "Directory of the log, projections and keys."
