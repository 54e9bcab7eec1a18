"""What the blog looks like from outside, and what may be sent to change it."""

from blog_app.blog.schemas.comments import CommentSchema, ModerationSchema
from blog_app.blog.schemas.images import ImageSchema
from blog_app.blog.schemas.posts import (
    ArticleSchema,
    PostSchema,
    PublicationSchema,
    RelatedPostSchema,
    VideoSchema,
)
from blog_app.blog.schemas.reactions import LikeSchema
from blog_app.blog.schemas.revisions import RevisionSchema
from blog_app.blog.schemas.statistics import (
    AuthorCountSchema,
    CategoryCountSchema,
    MonthCountSchema,
    TagCountSchema,
)
from blog_app.blog.schemas.taxonomy import CategorySchema, TagSchema

__all__ = [
    "ArticleSchema",
    "AuthorCountSchema",
    "CategoryCountSchema",
    "CategorySchema",
    "CommentSchema",
    "ImageSchema",
    "LikeSchema",
    "ModerationSchema",
    "MonthCountSchema",
    "PostSchema",
    "PublicationSchema",
    "RelatedPostSchema",
    "RevisionSchema",
    "TagCountSchema",
    "TagSchema",
    "VideoSchema",
]
