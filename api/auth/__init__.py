"""Who is it: passwords, tokens, and the brake on guessing them."""
