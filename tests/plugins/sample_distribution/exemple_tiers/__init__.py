"""A plugin that a third party ships in its own distribution."""
