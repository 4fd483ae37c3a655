"""The description of the API: a catalog makes an OpenAPI document."""
