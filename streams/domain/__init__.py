"""The rules, pure: `decide` says what an action leads to, `evolve` what an event changes."""
