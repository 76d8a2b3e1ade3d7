"""The page about refusals and the API's other problems."""

from api.problems import PROBLEMS, REFUSAL_STATUS
from docs.generate.markdown import code, table
from schemas.refusals import REFUSALS


def page() -> str:
    """Every code that an action or a request can be answered with."""
    refused = [[code(key), str(REFUSAL_STATUS[key]), text] for key, text in REFUSALS.items()]
    problems = [[code(key), str(status), text] for key, (status, text) in PROBLEMS.items()]
    return "\n".join(
        [
            "# Refusals and problems\n",
            "Codes are stable: clients may rely on them. Over HTTP each comes as "
            "`application/problem+json` (RFC 9457) with the status beside it.\n",
            "## Refusals\n",
            "An action was decided, and the rules do not allow it. The refusal is on the log.\n",
            table(["code", "status", "meaning"], refused),
            "## Problems\n",
            "A request did not become an action, or its outcome is not known.\n",
            table(["code", "status", "meaning"], problems),
        ]
    )
