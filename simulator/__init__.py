"""The other side: a client library, what a client's state is, and the checker of histories."""
