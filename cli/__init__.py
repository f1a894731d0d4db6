"""The command line: it parses, calls one plain function of the library, and prints."""
