"""A package, so that its fixtures end with it: Playwright keeps an event loop running, in which others cannot start one."""
