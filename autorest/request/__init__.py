"""The grammar: what a request says, before anything is known of the database."""
