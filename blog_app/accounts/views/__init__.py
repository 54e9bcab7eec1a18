"""The endpoints of accounts."""

from blog_app.accounts.views import friends, me, roles, sessions, users

blueprints = (
    users.users,
    roles.roles,
    me.me,
    sessions.tokens,
    sessions.resets,
    friends.requests,
    friends.friends,
)
