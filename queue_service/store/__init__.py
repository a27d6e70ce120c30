"""Every statement that writes. A store function takes the caller's transaction and never opens one."""
