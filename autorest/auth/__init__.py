"""Who a request is made by: tokens to roles and claims, and a login that issues such tokens."""
