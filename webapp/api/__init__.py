"""The JSON API for scripts and notebooks (docs/api.md): what the pages do, with a token instead of a session."""
