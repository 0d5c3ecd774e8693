"""What happened: request logs, columnar, in one Parquet schema; readers, description, synthesis."""
