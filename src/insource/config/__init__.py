"""The configuration in ``insource.toml``: one file per task, every key typed."""

from insource.config.loading import load
from insource.config.log import OwnPrice
from insource.config.sections import Config

__all__ = ["Config", "OwnPrice", "load"]
