"""Given/when/then cases of rule files: what they say, how they are read, and how they are played with a moved clock."""
