"""The kinds of posts: subclasses that share the table of all posts (single-table inheritance)."""

from __future__ import annotations

from blog_app.blog.content import reading_time_of
from blog_app.blog.models.posts import Post


class Article(Post):
    """Something to read."""

    class Meta:
        table_name = "posts"

    def derive(self) -> None:
        """Fill in what follows from the text, the minutes that it takes to read among it."""
        super().derive()
        if "word_count" in self._dirty:
            self.reading_time = reading_time_of(self.word_count)


class Video(Post):
    """Something to watch, at `url`, for `duration` seconds."""

    class Meta:
        table_name = "posts"


Post.kinds.update(article=Article, video=Video)
