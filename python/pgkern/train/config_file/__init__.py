"""A configuration read from TOML and the command line, written back, and compared with the one of before."""

from .config_error import ConfigError
from .stored_config import load_stored_config
from .toml_reader import read_toml
from .toml_writer import to_toml
from .typed_config import load_config

__all__ = ["ConfigError", "load_config", "load_stored_config", "read_toml", "to_toml"]
