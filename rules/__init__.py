"""Rule files in, decisions out. Pure: the instant is an argument and nothing but rule files is read."""
