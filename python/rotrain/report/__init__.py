"""One report of many models: what was trained, made, measured, and which to take. It reads files, never models."""
