"""The web page for looking through suspected labels, and the dataset made of what was decided."""
