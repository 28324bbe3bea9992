"""Questions: one question, one module, one answer from the knowledge or the tables."""
