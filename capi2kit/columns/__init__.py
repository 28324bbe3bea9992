"""Code over whole columns, which knows no Windows: cells, instants, keys, nearness, the call tree, intervals."""
