"""What `juliu media` does: read folders and manifests, submit, watch, tell what it cost."""
