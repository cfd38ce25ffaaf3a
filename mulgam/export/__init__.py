"""`mulgam export`: versions of the registry in the form that another server takes."""
