"""Everything that flows: the log, the domain and the decider between them."""
