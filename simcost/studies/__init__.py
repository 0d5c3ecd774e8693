"""Studies: one folder a question, each with its computation, its view and its command."""
