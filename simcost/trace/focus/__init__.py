"""Cost files in the FOCUS format, as providers export them: read as they are, with an account of faults."""
