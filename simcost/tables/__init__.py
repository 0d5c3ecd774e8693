"""Tables: reading CSV, JSON lines and Parquet; sources, cells, faults with their place."""
