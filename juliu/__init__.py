"""The console command: the only package that knows every process."""
