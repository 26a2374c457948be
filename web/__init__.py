"""The only room that talks to people and programs: the only parser and the only formatter."""
