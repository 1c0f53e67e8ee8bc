"""Where decisions and events go to be read: DuckDB for analysts, and the reference consumer for channel services."""
