"""The stories by subject. Importing a module registers its stories."""

from tests.browser.stories import actions, changed_files, faults
from tests.browser.story import STORIES

__all__ = ["STORIES", "actions", "changed_files", "faults"]
