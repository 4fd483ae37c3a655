"""How fast the gateway is, beside others that give the same answers from the same database."""
