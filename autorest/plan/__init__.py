"""The planner: a request and the catalog make a plan."""
