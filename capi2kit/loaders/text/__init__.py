"""Text: what the loaders of texts share: lines, code pages, dates, local times, labels."""
