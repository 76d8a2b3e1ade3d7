"""The API: HTTP, live connections and the command line."""
