"""The endpoints of accounts."""

from blog_app.accounts.views.authors import authors
from blog_app.accounts.views.friends import friends, requests
from blog_app.accounts.views.me import me
from blog_app.accounts.views.roles import roles
from blog_app.accounts.views.sessions import resets, tokens
from blog_app.accounts.views.users import users

blueprints = (users, authors, roles, me, tokens, resets, requests, friends)
