"""One module per verb of the command line: functions that take paths and options and return a result."""
