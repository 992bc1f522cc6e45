"""The sections of the report, one module per topic: functions from a result to a section."""
