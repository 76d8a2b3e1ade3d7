"""The read models: what the API reads and what a resume needs, folded from the log into SQL."""
