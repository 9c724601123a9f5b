"""What makes scores too good: the same music on both sides of a split, and what that is worth."""
