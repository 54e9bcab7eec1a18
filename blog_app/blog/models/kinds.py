"""The kinds of posts, article and video: subclasses of `Post` that share its table (single-table inheritance)."""

from __future__ import annotations

from blog_app.blog.content import reading_time_of
from blog_app.blog.models.posts import Post


class Article(Post):
    """A text to read."""

    class Meta:
        table_name = "posts"

    def derive(self) -> None:
        """Compute the derived fields, including the reading time."""
        super().derive()
        if "word_count" in self._dirty:
            self.reading_time = reading_time_of(self.word_count)


class Video(Post):
    """A video at `url`, `duration` seconds long."""

    class Meta:
        table_name = "posts"


Post.kinds.update(article=Article, video=Video)
