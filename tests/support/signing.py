"""The keys that tests sign tokens with, the same that `settings_for` gives to nodes."""

from typing import Final

from api_node.signed_tokens import SigningKeys
from shared.settings import Settings
from tests.support.writer import SECRET

KEYS: Final = SigningKeys.of(Settings(jwt_secret=SECRET))
OTHER_KEYS: Final = SigningKeys.of(Settings(jwt_secret=f"{SECRET}x"))
