"""autorest: every table, view and function of a PostgreSQL schema as a REST endpoint."""

__version__ = "0.1.0"
