"""The programs that people would piece together in bowsight's place, and how they are measured beside it."""
