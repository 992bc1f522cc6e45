"""Fine-tuning with TRL and PEFT, right by default."""
