"""The sections of the monitor's page."""
