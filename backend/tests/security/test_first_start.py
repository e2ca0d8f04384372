"""A new installation has no account and no password that somebody else knows."""

from sqlmodel import select

from app.bootstrap import Application
from app.models import User


async def test_new_installation_has_no_account(application: Application) -> None:
    async with application.database.reading() as session:
        users = (await session.execute(select(User))).all()

    assert users == []
