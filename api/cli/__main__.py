"""`python -m api.cli`: the same as `deskstream`."""

from api.cli import main

main()
