"""What a replay tells: what the rules would have done beside what was done."""
