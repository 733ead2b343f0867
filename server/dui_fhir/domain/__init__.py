"""Pure values shared by every layer: no disk, no network, no framework."""
