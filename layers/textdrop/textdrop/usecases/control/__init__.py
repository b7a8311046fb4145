"""What the control function does: each module answers one command, or serves several."""
