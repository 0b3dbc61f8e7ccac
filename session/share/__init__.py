"""A running session that colleagues join: each sees it in a console of their own."""
