"""Moving an installation: all that a log holds, into a file and from there into another log."""
