"""The stories by subject. Importing a module registers its stories."""

from tests.browser.stories import actions, faults
from tests.browser.story import STORIES

__all__ = ["STORIES", "actions", "faults"]
