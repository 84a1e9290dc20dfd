"""Between trainings: the version that readers have is brought up to date where that is cheap."""
