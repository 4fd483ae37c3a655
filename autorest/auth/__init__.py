"""Who asks: a token makes a role and claims."""
