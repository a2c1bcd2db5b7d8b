"""One module per verb of the command line: plain functions that take paths and options and return a result."""
