"""The resources of the native API, a module each."""
