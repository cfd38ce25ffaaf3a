"""`make docs`: the pages as a site in build/site, which needs neither a server nor a network to be read."""
