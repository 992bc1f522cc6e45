"""What tests of several folders share: made data, servers on loopback, processes of the real command."""
