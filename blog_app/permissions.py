"""Permissions as one table: a row for each endpoint, a column for each role, and in the cell a `Scope`.

The app does not start with an endpoint that has no row. A user with several roles has the widest of their scopes.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import NamedTuple


class Scope(IntEnum):
    """The objects on which an operation is allowed; a wider scope is a larger number."""

    NO = 0
    """On none."""
    PUBLIC = 1
    """On what anybody may see."""
    OWN = 2
    """To read: on what is public and what is one's own. To write: on one's own."""
    ALL = 3
    """On everything."""


NO, PUBLIC, OWN, ALL = Scope

ROLES = ("member", "author", "editor", "admin", "vendor")
"""Every signed-in user is a member; the other roles are granted."""


class Rule(NamedTuple):
    """What each role may do at one endpoint."""

    anonymous: Scope
    member: Scope
    author: Scope
    editor: Scope
    admin: Scope
    vendor: Scope = NO
    """Only the rows of the shop name it: elsewhere a vendor has the permissions of a member."""

    def scope(self, roles: tuple[str, ...] | None) -> Scope:
        """Return the widest scope of a caller with these roles; None is a caller without a token."""
        if roles is None:
            return self.anonymous
        return max([self.member, *(getattr(self, role) for role in roles if role in ROLES)])


PERMISSIONS: Mapping[str, Rule] = {
    # endpoint                        anonymous member  author  editor  admin
    "users.create_user":          Rule(PUBLIC,  PUBLIC, PUBLIC, PUBLIC, ALL),
    "users.confirm_user":         Rule(PUBLIC,  PUBLIC, PUBLIC, PUBLIC, PUBLIC),
    "users.list_users":           Rule(NO,      PUBLIC, PUBLIC, PUBLIC, ALL),
    "users.show_user":            Rule(NO,      PUBLIC, PUBLIC, PUBLIC, ALL),
    "users.show_profile":         Rule(NO,      PUBLIC, PUBLIC, PUBLIC, ALL),
    "users.change_user":          Rule(NO,      NO,     NO,     NO,     ALL),
    "users.set_status":           Rule(NO,      NO,     NO,     NO,     ALL),
    "users.delete_user":          Rule(NO,      NO,     NO,     NO,     ALL),
    "users.restore_user":         Rule(NO,      NO,     NO,     NO,     ALL),
    "users.purge_user":           Rule(NO,      NO,     NO,     NO,     ALL),
    "authors.list_authors":       Rule(PUBLIC,  PUBLIC, PUBLIC, PUBLIC, PUBLIC),
    "authors.show_author":        Rule(PUBLIC,  PUBLIC, PUBLIC, PUBLIC, PUBLIC),
    "roles.list_roles":           Rule(NO,      OWN,    OWN,    OWN,    ALL),
    "roles.grant_role":           Rule(NO,      NO,     NO,     NO,     ALL),
    "roles.revoke_role":          Rule(NO,      NO,     NO,     NO,     ALL),
    "me.show_me":                 Rule(NO,      OWN,    OWN,    OWN,    OWN),
    "me.change_me":               Rule(NO,      OWN,    OWN,    OWN,    OWN),
    "me.delete_me":               Rule(NO,      OWN,    OWN,    OWN,    OWN),
    "me.show_my_profile":         Rule(NO,      OWN,    OWN,    OWN,    OWN),
    "me.change_my_profile":       Rule(NO,      OWN,    OWN,    OWN,    OWN),
    "me.change_my_password":      Rule(NO,      OWN,    OWN,    OWN,    OWN),
    "me.change_my_email":         Rule(NO,      OWN,    OWN,    OWN,    OWN),
    "me.confirm_my_email":        Rule(PUBLIC,  PUBLIC, PUBLIC, PUBLIC, PUBLIC),
    "tokens.create_token":        Rule(PUBLIC,  PUBLIC, PUBLIC, PUBLIC, PUBLIC),
    "tokens.list_tokens":         Rule(NO,      OWN,    OWN,    OWN,    OWN),
    "tokens.revoke_token":        Rule(NO,      OWN,    OWN,    OWN,    OWN),
    "tokens.revoke_all_tokens":   Rule(NO,      OWN,    OWN,    OWN,    OWN),
    "resets.ask_for_reset":       Rule(PUBLIC,  PUBLIC, PUBLIC, PUBLIC, PUBLIC),
    "resets.reset_password":      Rule(PUBLIC,  PUBLIC, PUBLIC, PUBLIC, PUBLIC),
    "requests.list_requests":     Rule(NO,      OWN,    OWN,    OWN,    OWN),
    "requests.show_request":      Rule(NO,      OWN,    OWN,    OWN,    OWN),
    "requests.send_request":      Rule(NO,      OWN,    OWN,    OWN,    OWN),
    "requests.accept_request":    Rule(NO,      OWN,    OWN,    OWN,    OWN),
    "requests.end_request":       Rule(NO,      OWN,    OWN,    OWN,    OWN),
    "friends.list_friends":       Rule(NO,      OWN,    OWN,    OWN,    OWN),
    "friends.end_friendship":     Rule(NO,      OWN,    OWN,    OWN,    OWN),
    "friends.list_suggestions":   Rule(NO,      OWN,    OWN,    OWN,    OWN),
    "friends.list_mutual_friends": Rule(NO,      PUBLIC, PUBLIC, PUBLIC, PUBLIC),
    "friends.list_blocks":        Rule(NO,      OWN,    OWN,    OWN,    OWN),
    "friends.block_user":         Rule(NO,      OWN,    OWN,    OWN,    OWN),
    "friends.unblock_user":       Rule(NO,      OWN,    OWN,    OWN,    OWN),
    "categories.list_categories": Rule(PUBLIC,  PUBLIC, PUBLIC, ALL,    ALL),
    "categories.show_category":   Rule(PUBLIC,  PUBLIC, PUBLIC, PUBLIC, PUBLIC),
    "categories.create_category": Rule(NO,      NO,     NO,     ALL,    ALL),
    "categories.change_category": Rule(NO,      NO,     NO,     ALL,    ALL),
    "categories.delete_category": Rule(NO,      NO,     NO,     ALL,    ALL),
    "categories.restore_category": Rule(NO,     NO,     NO,     ALL,    ALL),
    "categories.purge_category": Rule(NO,       NO,     NO,     NO,     ALL),
    "tags.list_tags":             Rule(PUBLIC,  PUBLIC, PUBLIC, PUBLIC, PUBLIC),
    "tags.show_tag":              Rule(PUBLIC,  PUBLIC, PUBLIC, PUBLIC, PUBLIC),
    "tags.create_tag":            Rule(NO,      NO,     ALL,    ALL,    ALL),
    "tags.change_tag":            Rule(NO,      NO,     NO,     ALL,    ALL),
    "tags.delete_tag":            Rule(NO,      NO,     NO,     ALL,    ALL),
    "posts.list_posts":           Rule(PUBLIC,  PUBLIC, OWN,    ALL,    ALL),
    "posts.show_post":            Rule(PUBLIC,  PUBLIC, OWN,    ALL,    ALL),
    "posts.create_post":          Rule(NO,      NO,     OWN,    ALL,    ALL),
    "posts.change_post":          Rule(NO,      NO,     OWN,    ALL,    ALL),
    "posts.delete_post":          Rule(NO,      NO,     OWN,    ALL,    ALL),
    "posts.publish_post":         Rule(NO,      NO,     OWN,    ALL,    ALL),
    "posts.unpublish_post":       Rule(NO,      NO,     OWN,    ALL,    ALL),

    # endpoint                                anonymous member author editor admin
    "user_posts.list_user_posts":       Rule(PUBLIC, PUBLIC, OWN,    ALL,    ALL),
    "posts.list_related_posts":         Rule(PUBLIC, PUBLIC, OWN,    ALL,    ALL),
    "posts.restore_post":               Rule(NO,     NO,     NO,     ALL,    ALL),
    "posts.purge_post":                 Rule(NO,     NO,     NO,     NO,     ALL),
    "posts.archive_post":               Rule(NO,     NO,     OWN,    ALL,    ALL),
    "posts.unarchive_post":             Rule(NO,     NO,     OWN,    ALL,    ALL),
    "revisions.list_revisions":         Rule(NO,     NO,     OWN,    ALL,    ALL),
    "revisions.show_revision":          Rule(NO,     NO,     OWN,    ALL,    ALL),
    "revisions.restore_revision":       Rule(NO,     NO,     OWN,    ALL,    ALL),
    "images.list_images":               Rule(PUBLIC, PUBLIC, OWN,    ALL,    ALL),
    "images.show_image":                Rule(PUBLIC, PUBLIC, OWN,    ALL,    ALL),
    "images.create_image":              Rule(NO,     NO,     OWN,    ALL,    ALL),
    "images.change_image":              Rule(NO,     NO,     OWN,    ALL,    ALL),
    "images.delete_image":              Rule(NO,     NO,     OWN,    ALL,    ALL),
    "images.restore_image":             Rule(NO,     NO,     NO,     ALL,    ALL),
    "images.purge_image":               Rule(NO,     NO,     NO,     NO,     ALL),
    "comments.list_comments":           Rule(PUBLIC, OWN,    OWN,    ALL,    ALL),
    "comments.list_comments_on_post":   Rule(PUBLIC, OWN,    OWN,    ALL,    ALL),
    "comments.list_comments_on_image":  Rule(PUBLIC, OWN,    OWN,    ALL,    ALL),
    "comments.show_comment":            Rule(PUBLIC, OWN,    OWN,    ALL,    ALL),
    "comments.create_comment_on_post":  Rule(NO,     PUBLIC, PUBLIC, ALL,    ALL),
    "comments.create_comment_on_image": Rule(NO,     PUBLIC, PUBLIC, ALL,    ALL),
    "comments.change_comment":          Rule(NO,     OWN,    OWN,    ALL,    ALL),
    "comments.delete_comment":          Rule(NO,     OWN,    OWN,    ALL,    ALL),
    "comments.moderate_comment":        Rule(NO,     NO,     NO,     ALL,    ALL),
    "reactions.show_like":              Rule(NO,     PUBLIC, PUBLIC, PUBLIC, PUBLIC),
    "reactions.like_post":              Rule(NO,     PUBLIC, PUBLIC, PUBLIC, PUBLIC),
    "reactions.unlike_post":            Rule(NO,     PUBLIC, PUBLIC, PUBLIC, PUBLIC),
    "statistics.count_months":          Rule(PUBLIC, PUBLIC, PUBLIC, PUBLIC, PUBLIC),
    "statistics.count_categories":      Rule(PUBLIC, PUBLIC, PUBLIC, PUBLIC, PUBLIC),
    "statistics.count_tags":            Rule(PUBLIC, PUBLIC, PUBLIC, PUBLIC, PUBLIC),
    "statistics.count_authors":         Rule(PUBLIC, PUBLIC, PUBLIC, PUBLIC, PUBLIC),

    # endpoint                                       anonymous member  author  editor  admin   vendor
    "product_categories.list_product_categories": Rule(PUBLIC, PUBLIC, PUBLIC, PUBLIC, PUBLIC, PUBLIC),
    "product_categories.show_product_category":   Rule(PUBLIC, PUBLIC, PUBLIC, PUBLIC, PUBLIC, PUBLIC),
    "product_categories.create_product_category": Rule(NO,     NO,     NO,     NO,     ALL,    NO),
    "product_categories.change_product_category": Rule(NO,     NO,     NO,     NO,     ALL,    NO),
    "product_categories.delete_product_category": Rule(NO,     NO,     NO,     NO,     ALL,    NO),
    "products.list_products":          Rule(PUBLIC,  PUBLIC, PUBLIC, PUBLIC, ALL,    OWN),
    "products.show_product":           Rule(PUBLIC,  PUBLIC, PUBLIC, PUBLIC, ALL,    OWN),
    "products.create_product":         Rule(NO,      NO,     NO,     NO,     ALL,    OWN),
    "products.change_product":         Rule(NO,      NO,     NO,     NO,     ALL,    OWN),
    "products.delete_product":         Rule(NO,      NO,     NO,     NO,     ALL,    OWN),
    "products.restore_product":        Rule(NO,      NO,     NO,     NO,     ALL,    NO),
    "products.purge_product":          Rule(NO,      NO,     NO,     NO,     ALL,    NO),
    "addresses.list_addresses":        Rule(NO,      OWN,    OWN,    OWN,    OWN,    OWN),
    "addresses.show_address":          Rule(NO,      OWN,    OWN,    OWN,    OWN,    OWN),
    "addresses.create_address":        Rule(NO,      OWN,    OWN,    OWN,    OWN,    OWN),
    "addresses.change_address":        Rule(NO,      OWN,    OWN,    OWN,    OWN,    OWN),
    "addresses.delete_address":        Rule(NO,      OWN,    OWN,    OWN,    OWN,    OWN),
    "customers.show_my_purchase_limit": Rule(NO,     OWN,    OWN,    OWN,    OWN,    OWN),
    "customers.show_purchase_limit":   Rule(NO,      NO,     NO,     NO,     ALL,    NO),
    "customers.set_purchase_limit":    Rule(NO,      NO,     NO,     NO,     ALL,    NO),
    "my_orders.list_my_orders":        Rule(NO,      OWN,    OWN,    OWN,    OWN,    OWN),
    "orders.list_orders":              Rule(NO,      OWN,    OWN,    OWN,    ALL,    OWN),
    "orders.show_order":               Rule(NO,      OWN,    OWN,    OWN,    ALL,    OWN),
    "orders.create_order":             Rule(NO,      OWN,    OWN,    OWN,    OWN,    OWN),
    "orders.cancel_order":             Rule(NO,      OWN,    OWN,    OWN,    ALL,    OWN),
    "orders.set_order_status":         Rule(NO,      NO,     NO,     NO,     ALL,    NO),
    "orders.set_order_payment":        Rule(NO,      NO,     NO,     NO,     ALL,    NO),
    "reports.report_days":             Rule(NO,      NO,     NO,     NO,     ALL,    NO),
    "reports.report_products":         Rule(NO,      NO,     NO,     NO,     ALL,    NO),
    "reports.report_dear_products":    Rule(NO,      NO,     NO,     NO,     ALL,    NO),
    "reports.report_customers":        Rule(NO,      NO,     NO,     NO,     ALL,    NO),
    "reports.report_stock":            Rule(NO,      NO,     NO,     NO,     ALL,    NO),

    # endpoint                        anonymous member  author  editor  admin
    "page_views.report_viewed_days":  Rule(NO,   NO,     NO,     ALL,    ALL),
    "page_views.report_viewed_posts": Rule(NO,   NO,     OWN,    ALL,    ALL),
    "page_views.report_days_of_post": Rule(NO,   NO,     OWN,    ALL,    ALL),
    "page_views.report_referrers":    Rule(NO,   NO,     OWN,    ALL,    ALL),
    "audit_entries.list_audit_entries": Rule(NO, OWN,    OWN,    OWN,    ALL),
    "caching.report_cache":           Rule(NO,   NO,     NO,     NO,     ALL),

    # endpoint                        anonymous member  author  editor  admin
    "files.list_files":           Rule(NO,      OWN,    OWN,    OWN,    ALL),
    "files.show_file":            Rule(NO,      OWN,    OWN,    OWN,    ALL),
    "files.create_folder":        Rule(NO,      OWN,    OWN,    OWN,    OWN),
    "files.upload_file":          Rule(NO,      OWN,    OWN,    OWN,    OWN),
    "files.change_file":          Rule(NO,      OWN,    OWN,    OWN,    ALL),
    "files.copy_file":            Rule(NO,      OWN,    OWN,    OWN,    ALL),
    "files.download_file":        Rule(NO,      OWN,    OWN,    OWN,    ALL),
    "files.replace_content":      Rule(NO,      OWN,    OWN,    OWN,    ALL),
    "files.delete_file":          Rule(NO,      OWN,    OWN,    OWN,    ALL),
    "files.list_trash":           Rule(NO,      OWN,    OWN,    OWN,    ALL),
    "files.empty_trash":          Rule(NO,      OWN,    OWN,    OWN,    OWN),
    "files.restore_file":         Rule(NO,      OWN,    OWN,    OWN,    ALL),
    "files.purge_file":           Rule(NO,      OWN,    OWN,    OWN,    ALL),
    "files.show_my_storage":      Rule(NO,      OWN,    OWN,    OWN,    OWN),
}  # fmt: skip

SIGN_INS = frozenset({
    "tokens.create_token", "users.create_user", "users.confirm_user", "resets.ask_for_reset", "resets.reset_password",
    "me.change_my_password", "me.change_my_email", "me.confirm_my_email",
})  # fmt: skip
"""What takes a password, or mails a token: it has a rate limit of its own, but for those who may do it to all users."""
