"""The labels that arms are judged by: who stands behind them, how right they can be, which are doubtful."""
