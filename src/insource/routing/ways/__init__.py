"""Which ways a call may take, and what makes a local answer surer or takes it apart."""
