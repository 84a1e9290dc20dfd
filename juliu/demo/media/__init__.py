"""The demo's second story: five episodes, from files to pictures in a browser, by every step of the media jobs."""
