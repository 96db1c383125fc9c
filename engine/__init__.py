"""The method behind the pages: design spaces, their designs, complexity, training and statistics (docs/engine.md)."""
