"""The data of every command about people and their sign-ins. Of secrets only digests are here: what a command holds may
be stored, and a node forwards nothing that could open an account."""

from typing import Annotated

from pydantic import Field, StringConstraints

from shared.commands import CommandData, Digest, Email, RowId
from shared.model import Role

PasswordHash = Annotated[str, StringConstraints(max_length=255, pattern=r"^\$argon2id\$")]
SessionEpoch = Annotated[int, Field(ge=1, lt=2**31)]


class NewSession(CommandData):
    """A sign-in to open: digests of the refresh token's two parts, and how long it may last, in seconds."""

    familyHash: Digest
    tokenHash: Digest
    lifeS: Annotated[int, Field(ge=1, le=31_536_000)]


class Registrations(CommandData):
    """Whom a registration is counted against, and how many an hour are free."""

    subject: Digest
    free: Annotated[int, Field(ge=1, le=1_000_000)]


class NewUser(CommandData):
    """create-user, signed in at once if there is a `session`. Of the password only the node's hash is here."""

    email: Email
    passwordHash: PasswordHash
    session: NewSession | None = None
    registrations: Registrations | None = None


class SignInSubjects(CommandData):
    """Whom a failed sign-in is counted against: keyed digests of the e-mail that was given and of the address."""

    account: Digest
    address: Digest


class OpenSession(CommandData):
    """open-session, for somebody whose password was right while their epoch was `userEpoch`."""

    userId: RowId
    userEpoch: SessionEpoch
    session: NewSession
    subjects: SignInSubjects


class FailedSignIn(CommandData):
    """note-failed-sign-in."""

    subjects: SignInSubjects


class RefreshSession(CommandData):
    """refresh-session: the digests of the token that was shown and of the one to follow it."""

    sessionId: RowId
    userId: RowId
    familyHash: Digest
    tokenHash: Digest
    nextHash: Digest


class EndSession(CommandData):
    """end-session, by the person it belongs to; `everywhere` ends every other one of theirs too."""

    sessionId: RowId
    userId: RowId
    everywhere: bool = False


class UserUpdates(CommandData):
    """The members of an account that are written as they are; one that is absent stays."""

    email: Email = ""
    role: Role = "employee"


class PasswordCheck(CommandData):
    """Whether the `currentPassword` that came along was right, while the person's epoch was `userEpoch`, and whom it is
    counted against if it was not."""

    isRight: bool
    userEpoch: SessionEpoch
    subject: Digest


class NewPassword(CommandData):
    """A new password. It ends every session but the one it was set in."""

    passwordHash: PasswordHash
    sessionId: RowId


class UserPatch(CommandData):
    """update-user. What opens an account, its e-mail and its password, changes its owner only by a `check`; a new
    e-mail of one's own is counted like a registration, since both tell whether it is taken."""

    userId: RowId
    updates: UserUpdates
    newPassword: NewPassword | None = None
    check: PasswordCheck | None = None
    registrations: Registrations | None = None
