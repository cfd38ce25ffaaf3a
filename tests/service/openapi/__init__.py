"""The API reference: the document, its schemas, the viewer."""
