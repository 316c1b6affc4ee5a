"""Record declarations and the compiler behind every pure hot-path module."""
