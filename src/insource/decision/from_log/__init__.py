"""The first depth of a decision: profile every task of a log, from the log alone.

No language model is run, nothing is sent, and nothing is written.
"""
