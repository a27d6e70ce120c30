"""The data of every command about people and their sign-ins. Of secrets only digests are here: what a command holds may
be stored, and a node forwards nothing that could open an account."""

from typing import Annotated

from pydantic import BeforeValidator, Field, StringConstraints

from shared.commands import NO_SPACE, CommandData, Digest, Email, OnOrOff, RowId, folded

PasswordHash = Annotated[str, StringConstraints(max_length=255, pattern=r"^\$argon2id\$")]
# an @ is in it only where it is the account's own e-mail: the rule is the queue service's
LoginName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=255, pattern=rf"^[ \t\r\n]*{NO_SPACE}[ \t\r\n]*$"),
    BeforeValidator(folded),
]
RealName = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=50),
    Field(json_schema_extra={"pattern": r"\S"}),
]
Phone = Annotated[str, StringConstraints(min_length=1, max_length=20, pattern=r"^[0-9+()./ -]+$")]
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


class Registration(CommandData):
    """register-user, signed in at once if there is a `session`. Of the password only the node's hash is here."""

    email: Email
    passwordHash: PasswordHash
    session: NewSession | None = None
    registrations: Registrations | None = None


class FirstAdministrator(CommandData):
    """ensure-administrator: an administrator of this name, unless somebody has it."""

    username: LoginName
    passwordHash: PasswordHash


class SignInSubjects(CommandData):
    """Whom a failed sign-in is counted against: keyed digests of the e-mail that was given and of the address."""

    account: Digest
    address: Digest


class OpenSession(CommandData):
    """open-session, for somebody whose password was right while their epoch was `userEpoch`. `newHash` is of the same
    password, where the stored one was made with too little work."""

    userId: RowId
    userEpoch: SessionEpoch
    session: NewSession
    subjects: SignInSubjects
    newHash: PasswordHash | None = None


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


class Profile(CommandData):
    """The members of an account that those write who manage accounts (seed 004)."""

    username: LoginName
    realName: RealName
    email: Email | None = None
    phone: Phone | None = None
    departmentId: RowId
    roleId: RowId
    status: OnOrOff


class NewUser(Profile):
    """create-user."""

    passwordHash: PasswordHash


class UserUpdates(CommandData):
    """The members of an account to change; one that is absent stays as it is (its default here is never used)."""

    username: LoginName = ""
    realName: RealName = ""
    email: Email | None = None
    phone: Phone | None = None
    departmentId: RowId = 0
    roleId: RowId = 0
    status: OnOrOff = 1


class UserRef(CommandData):
    """delete-user."""

    userId: RowId


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
    e-mail of one's own is counted like a registration, since both tell whether it is taken. `resetHash` is a password
    that somebody else sets, who manages accounts."""

    userId: RowId
    updates: UserUpdates
    newPassword: NewPassword | None = None
    resetHash: PasswordHash | None = None
    check: PasswordCheck | None = None
    registrations: Registrations | None = None
