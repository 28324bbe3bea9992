"""Settings: texts of the registry and of netsh, as rows of `settings`."""
