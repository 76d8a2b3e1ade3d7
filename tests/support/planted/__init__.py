"""Every way in which the tests spoil a good day, for the checker to find."""

from tests.support.planted import answers, logs, streams
from tests.support.planted.register import PLANTS

__all__ = ["PLANTS", "answers", "logs", "streams"]
