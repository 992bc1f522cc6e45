"""Statistics on arrays, with numpy and scipy only."""
