"""Passwords that cost next to nothing."""

from argon2 import PasswordHasher


def cheap_hasher() -> PasswordHasher:
    """argon2 with the least work that it allows."""
    return PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
