"""The dead letters: what is open, what each says, sending it again, putting it away."""
