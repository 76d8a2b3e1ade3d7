"""The first start: an account with an admin, so that somebody can log in."""

import secrets
from typing import NamedTuple

from api.auth.passwords import Passwords
from api.gateway import Gateway
from schemas.actions import AddOperator, CreateAccount, SetPassword
from schemas.values import AccountSettings
from streams.domain.access import Viewer


class Login(NamedTuple):
    """What somebody types to log in; `version` is the account's from which on that works."""

    account: str
    login: str
    password: str
    version: int


class NewAccount(NamedTuple):
    """An account to make, with its first admin."""

    id: str
    name: str
    admin_name: str
    admin_login: str
    password: str | None = None
    settings: AccountSettings = AccountSettings()


async def create_account(gateway: Gateway, passwords: Passwords, new: NewAccount) -> Login:
    """Make an account and its admin. Raises Refused (`account_exists`), and as Gateway.act."""
    await gateway.act(_system(new.id), CreateAccount(name=new.name, settings=new.settings))
    return await add_admin(gateway, passwords, new)


async def add_admin(gateway: Gateway, passwords: Passwords, new: NewAccount) -> Login:
    """Give an account an admin, with a password of our own unless one is given."""
    password = new.password or secrets.token_urlsafe(12)
    done = await gateway.act(
        _system(new.id),
        AddOperator(
            name=new.admin_name,
            login=new.admin_login,
            role="admin",
            password_hash=await passwords.hash(password),
        ),
    )
    return Login(new.id, new.admin_login, password, done.version)


async def set_password(
    gateway: Gateway, passwords: Passwords, who: tuple[str, str], password: str
) -> int:
    """Give an operator (account, id) a new password; gives the version. Ends all their tokens."""
    account, operator = who
    hashed = await passwords.hash(password)
    answer = await gateway.act(_system(account), SetPassword(operator=operator, hash=hashed))
    return answer.version


def _system(account: str) -> Viewer:
    return Viewer(kind="system", id="system", account=account)
