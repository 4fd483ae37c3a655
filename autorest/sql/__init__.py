"""SQL: the only room where SQL text is made, and the only one that quotes an identifier."""
