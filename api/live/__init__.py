"""Live connections: one session core under SSE, WebSocket and long poll.

`frames` says what is sent, `wire` how each transport packs it, `session` what one client was sent
and may see, `channel` an account's recent events, `fanout` how they are written, `hub` who is sent
what and when, `resume` and `catching_up` how a client that was away catches up. `sse`, `websocket`
(with `upgrade` and `incoming`) and `poll` are thin shells around them.
"""
