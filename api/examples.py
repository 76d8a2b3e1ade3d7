"""Examples for the OpenAPI document, by the name of the record; a test holds them true to it."""

from typing import Any

_AT = 1_767_225_600_000
_ANA = "06n4snj0000000000300"
_BEN = "06n4snj0000000000900"
_VISITOR = "06n4snj0000000000c00"
_CHAT = "06n4snj0000000000d00"
_CONVERSATION = "06n4snj0000000000e00"
_MESSAGE = "06n4snj0000000001000"
_DESK = "06n4snj0000000000400"
_SALES = "06n4snj0000000000600"
_GROUP = "06n4snj0000000000500"
_TOKEN = "9b0dcb3d1d1d0d2f6cb1cf6a3f1e2c6f0a5fb1d0f2b7f2f1f0f7a4c1d2e3f405"

_ACCOUNT_VIEW: dict[str, Any] = {
    "id": "acme",
    "name": "Acme",
    "settings": {"routing": "least_loaded", "desk_limit": 5},
}
_OPERATOR_VIEW: dict[str, Any] = {
    "id": _ANA,
    "name": "Ana",
    "login": "ana@example.org",
    "role": "admin",
    "desk": _DESK,
    "availability": "online",
}
_DESK_VIEW: dict[str, Any] = {"id": _SALES, "name": "Sales", "limit": 3, "load": 1, "staff": [_ANA]}
_GROUP_VIEW: dict[str, Any] = {"id": _GROUP, "name": "Orders"}
_VISITOR_VIEW: dict[str, Any] = {"id": _VISITOR, "name": "Vera", "added_at": _AT}
_CHAT_VIEW: dict[str, Any] = {
    "id": _CHAT,
    "visitor": _VISITOR,
    "status": "active",
    "requested_at": _AT,
    "subject": "An order",
    "desk": _SALES,
    "conversation": _CONVERSATION,
    "owner": _ANA,
    "participants": [{"operator": _ANA, "role": "owner"}],
    "messages": 1,
    "last_message": _MESSAGE,
}
_TEXT: dict[str, Any] = {"type": "text", "text": "Where is my order?"}
_MESSAGE_VIEW: dict[str, Any] = {
    "id": _MESSAGE,
    "chat": _CHAT,
    "at": _AT,
    "actor": {"kind": "visitor", "id": _VISITOR},
    "content": _TEXT,
}
_EVENT_VIEW: dict[str, Any] = {
    "id": _MESSAGE,
    "version": 16,
    "at": _AT,
    "actor": {"kind": "visitor", "id": _VISITOR},
    "data": {"type": "message_posted", "content": _TEXT},
    "chat": _CHAT,
    "conversation": _CONVERSATION,
}
_VISITOR_TOKEN = f"acme.{_VISITOR}.19b76a9f000.Q0xBSU0tU0lHTkFUVVJFLUVYQU1QTEUtMDAwMDAwMDA"

EXAMPLES: dict[str, dict[str, Any]] = {
    "LoginBody": {"account": "acme", "login": "ana@example.org", "password": "open sesame"},
    "LoginAnswer": {
        "token": "mH1fO2xk0w3vJt5n8bqLr9zTgYcPsXeUaDiVoWhEjKM",
        "expires_at": _AT + 43_200_000,
        "operator": _OPERATOR_VIEW,
    },
    "TokenList": {
        "items": [
            {
                "id": _TOKEN,
                "operator": _ANA,
                "issued_at": _AT,
                "expires_at": _AT + 43_200_000,
                "current": True,
            }
        ]
    },
    "NewAccountBody": {
        "id": "acme",
        "name": "Acme",
        "admin": {"name": "Ana", "login": "ana@example.org", "password": "open sesame"},
    },
    "NewAccountAnswer": {"account": _ACCOUNT_VIEW, "login": "ana@example.org"},
    "PlatformPasswordBody": {"login": "ana@example.org", "password": "another sesame"},
    "RebuildView": {"running": True, "done": 120_000, "total": 1_000_000},
    "AccountView": _ACCOUNT_VIEW,
    "ChangeSettingsBody": {"routing": "round_robin", "desk_limit": 4},
    "OperatorView": _OPERATOR_VIEW,
    "OperatorPage": {"items": [_OPERATOR_VIEW], "next": "b3BlcmF0b3Jz"},
    "NewOperatorBody": {
        "name": "Ben",
        "login": "ben@example.org",
        "role": "agent",
        "password": "open sesame",
    },
    "ChangeOperatorBody": {"role": "supervisor"},
    "SetAvailabilityBody": {"availability": "online"},
    "PasswordBody": {"password": "another sesame", "current": "open sesame"},
    "DeskView": _DESK_VIEW,
    "DeskPage": {"items": [_DESK_VIEW]},
    "AddDeskBody": {"name": "Sales", "limit": 3, "groups": [_GROUP]},
    "ChangeDeskBody": {"limit": 4},
    "GroupView": _GROUP_VIEW,
    "GroupPage": {"items": [_GROUP_VIEW]},
    "AddGroupBody": {"name": "Orders"},
    "ChangeGroupBody": {"name": "Orders and returns"},
    "VisitorView": _VISITOR_VIEW,
    "VisitorPage": {"items": [_VISITOR_VIEW]},
    "NewVisitorBody": {"account": "acme", "name": "Vera"},
    "VisitorAnswer": {
        "visitor": _VISITOR_VIEW,
        "token": _VISITOR_TOKEN,
        "expires_at": _AT + 2_592_000_000,
    },
    "VisitorTokenAnswer": {"token": _VISITOR_TOKEN, "expires_at": _AT + 2_592_000_000},
    "ChangeVisitorBody": {"name": "Vera", "email": "vera@example.org"},
    "ChatView": _CHAT_VIEW,
    "ChatPage": {"items": [_CHAT_VIEW]},
    "RequestChatBody": {"subject": "An order", "to": {"kind": "group", "id": _GROUP}},
    "JoinChatBody": {"role": "owner"},
    "TransferBody": {"to": {"kind": "operator", "id": _BEN}},
    "MarkReadBody": {"message": _MESSAGE},
    "PositionView": {"chat": _CHAT, "status": "queued", "position": 2},
    "PostMessageBody": {"content": _TEXT},
    "MessagePostedAnswer": {"id": _MESSAGE, "version": 16, "at": _AT},
    "MessagePage": {"items": [_MESSAGE_VIEW]},
    "TypingBody": {"typing": True},
    "MeView": {"kind": "operator", "account": "acme", "operator": _OPERATOR_VIEW},
    "StaffState": {
        "version": 16,
        "id": _MESSAGE,
        "account": _ACCOUNT_VIEW,
        "operators": [_OPERATOR_VIEW],
        "desks": [_DESK_VIEW],
        "groups": [_GROUP_VIEW],
        "chats": [_CHAT_VIEW],
    },
    "VisitorState": {
        "version": 16,
        "id": _MESSAGE,
        "visitor": _VISITOR_VIEW,
        "chats": [_CHAT_VIEW],
        "messages": [_MESSAGE_VIEW],
    },
    "EventPage": {"items": [_EVENT_VIEW], "version": 16},
    "Written": {"version": 16, "id": _MESSAGE},
    "HealthView": {"ok": True, "parts": {"log": {"ok": True, "detail": "writable"}}},
    "ProblemView": {"code": "chat_taken", "status": 409, "title": "The chat has an owner already."},
    "ProblemDocument": {
        "type": "/problems/chat_taken",
        "code": "chat_taken",
        "title": "The chat has an owner already.",
        "status": 409,
        "detail": "The chat has an owner already.",
    },
}
