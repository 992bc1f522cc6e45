"""Fine-tuning with TRL and PEFT."""
