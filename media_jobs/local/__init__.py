"""The engine without an account: a folder for storage, ffmpeg for processing."""
