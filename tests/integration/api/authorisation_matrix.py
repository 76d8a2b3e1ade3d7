"""Who may do what to whose things, over HTTP: the table that every new route has to join.

Letters are those who may: v visitor, g agent, s supervisor, a admin, u auditor, p the platform.
Whoever is not named is refused. Whose: `own` things (of an operator: the chats they own),
`other` things of the same account; things of another account are nobody's, so they need no row.
An operation whose path names nothing has one row, "".
"""

from typing import Literal

Whose = Literal["", "own", "other", "foreign"]

STAFF = "gsau"
EVERYBODY = "vgsau"

PUBLIC = {
    "login",
    "post_visitor",
    "get_health",
    "get_readiness",
    "get_metrics",
    "get_problem",
}
"""What nobody needs a token for."""

LIVE = {"live_sse", "live_poll", "live_ws"}
"""For everybody with a token; the live tests look at what each is sent."""

MATRIX: dict[str, dict[Whose, str]] = {
    # state
    "get_me": {"": EVERYBODY},
    "get_state": {"": EVERYBODY},
    "list_events": {"": EVERYBODY},
    # accounts
    "post_account": {"": "p"},
    "get_account_for_platform": {"own": "p", "other": "p", "foreign": "p"},
    "put_password_for_platform": {"own": "p", "other": "p", "foreign": "p"},
    "post_rebuild": {"": "p"},
    "get_rebuild": {"": "p"},
    "get_account": {"": STAFF},
    "patch_account": {"": "a"},
    # login
    "logout": {"": STAFF},
    "list_tokens": {"": STAFF},
    "revoke_token": {"own": STAFF, "other": "a"},
    # operators
    "list_operators": {"": STAFF},
    "post_operator": {"": "a"},
    "get_operator": {"own": STAFF, "other": STAFF},
    "patch_operator": {"own": "a", "other": "a"},
    "delete_operator": {"own": "a", "other": "a"},
    "put_availability": {"own": "gsa", "other": "sa"},
    "pause_operator": {"own": "gsa", "other": "sa"},
    "activate_operator": {"own": "gsa", "other": "sa"},
    "put_password": {"own": STAFF, "other": "a"},
    # desks
    "list_desks": {"": STAFF},
    "post_desk": {"": "a"},
    "get_desk": {"other": STAFF},
    "patch_desk": {"other": "a"},
    "delete_desk": {"other": "a"},
    "put_staff": {"other": "sa"},
    "delete_staff": {"other": "sa"},
    # groups
    "list_groups": {"": STAFF},
    "post_group": {"": "a"},
    "get_group": {"other": STAFF},
    "patch_group": {"other": "a"},
    "delete_group": {"other": "a"},
    # visitors
    "renew_visitor_token": {"": "v"},
    "list_visitors": {"": STAFF},
    "get_visitor": {"own": "v", "other": STAFF},
    "patch_visitor": {"own": "v", "other": "gsa"},
    "list_visitor_messages": {"own": "v", "other": STAFF},
    # chats
    "list_chats": {"": EVERYBODY},
    "post_chat": {"": "v"},
    "get_chat": {"own": EVERYBODY, "other": STAFF},
    "join_chat": {"own": "gsa", "other": "gsa"},
    "leave_chat": {"own": "gsa", "other": "gsa"},
    "transfer_chat": {"own": "gsa", "other": "sa"},
    "mark_read": {"own": "vgsa", "other": "gsa"},
    "close_chat": {"own": "vgsa", "other": "sa"},
    "get_position": {"own": EVERYBODY, "other": STAFF},
    "list_messages": {"own": EVERYBODY, "other": STAFF},
    "post_message": {"own": "vgsa", "other": "gsa"},
    "post_typing": {"own": "vgsa", "other": "gsa"},
}
