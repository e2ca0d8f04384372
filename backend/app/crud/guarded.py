"""Guarded changes: an UPDATE or DELETE whose WHERE says what must still be so."""

from sqlalchemy import Delete, Integer, Update, literal_column
from sqlalchemy.ext.asyncio import AsyncSession


async def changed_one(session: AsyncSession, statement: Update | Delete) -> bool:
    """Whether the row was as the statement's guards want it, and is changed now."""
    # RETURNING instead of rowcount: it says the same on every driver.
    returning = statement.returning(literal_column("1", Integer))
    changed = await session.execute(returning, execution_options={"synchronize_session": False})
    return changed.first() is not None
