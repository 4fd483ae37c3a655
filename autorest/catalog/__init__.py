"""The catalog: what the database offers, loaded once and swapped whole."""
