"""Writes docs/reference/ from the code, so that it cannot say anything else."""
