"""What the command line and Python users call: each function owns its transactions."""
