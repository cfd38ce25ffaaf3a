"""From a model that was trained elsewhere to a published version, through the gates of a trained one."""
