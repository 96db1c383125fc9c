"""What the pages show: results of the engine and of queries, put into words, tables and figures. No writes here."""
