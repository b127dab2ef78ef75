"""Clinical tables: a CSV and a file that says what its columns mean."""
