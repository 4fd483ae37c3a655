"""The way to the database: the pool, the pipeline, the listener."""
