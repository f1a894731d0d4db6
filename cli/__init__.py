"""The command line: parses, calls one plain function of the catalog, prints."""
