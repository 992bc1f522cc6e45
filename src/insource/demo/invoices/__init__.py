"""The demo with a real cloud: generated invoices, and the answers that a cloud model once gave to them.

Documents and answers come from the wheel of taskdistill 0.1.1 (Andrii Boiko, Apache-2.0), which is fetched
when the demo starts. Nothing of it is part of Insource, and nothing of it is imported into this process.
"""
