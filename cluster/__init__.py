"""The services of a cluster as processes of this machine: for tests, measurements, trying out."""
