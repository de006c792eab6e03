"""Settings: read by the command line and the bootstrap alone, passed on as plain values."""

from hilum.settings.exposure import exposure_problems, exposure_warnings, is_loopback
from hilum.settings.loading import Loaded, SettingsRejected, load, load_settings
from hilum.settings.model import Settings
from hilum.settings.names import SettingName, setting_names
from hilum.settings.remote_storage import parse_storage_url

__all__ = [
    "Loaded",
    "SettingName",
    "Settings",
    "SettingsRejected",
    "exposure_problems",
    "exposure_warnings",
    "is_loopback",
    "load",
    "load_settings",
    "parse_storage_url",
    "setting_names",
]
