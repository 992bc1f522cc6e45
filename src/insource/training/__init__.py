"""Fine-tuning with TRL and PEFT. Importing this package keeps their libraries offline."""

from insource.training.offline import stay_offline
from insource.training.threads import settle

stay_offline()  # here, because no module of this package is imported before it
settle()
