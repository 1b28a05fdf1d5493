"""The kernel: the nouns, the ports and the errors everything else is written in. It imports nothing of ours."""
