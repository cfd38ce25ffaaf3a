"""The API reference: an OpenAPI 3.1 document made of what validates (signatures, protocols, codes, settings)."""
