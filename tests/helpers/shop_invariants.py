"""What must be true of the shop's tables at any time, asked of the database."""

from __future__ import annotations

from blog_app.data import databases

BROKEN = {
    "a product's stock does not cover what is reserved": """
        SELECT id, stock, reserved FROM shop.products
         WHERE reserved < 0 OR reserved > coalesce(stock, 0)""",
    "what a product has reserved is not what open orders hold": """
        SELECT p.id, p.reserved, coalesce(sum(i.quantity), 0)
          FROM shop.products p
          LEFT JOIN shop.orders o ON o.status IN ('pending', 'processing')
          LEFT JOIN shop.order_items i ON i.order_id = o.id AND i.product_id = p.id
         WHERE p.type = 'physical'
         GROUP BY p.id
        HAVING p.reserved <> coalesce(sum(i.quantity), 0)""",
    "an order's total is not the sum of its items": """
        SELECT o.id, o.total, sum(i.unit_price * i.quantity)
          FROM shop.orders o LEFT JOIN shop.order_items i ON i.order_id = o.id
         GROUP BY o.id
        HAVING o.total IS DISTINCT FROM sum(i.unit_price * i.quantity)""",
    "an order's last change is not its state": """
        SELECT o.id, o.status, o.payment, c.field, c.new
          FROM shop.orders o
          JOIN LATERAL (SELECT DISTINCT ON (field) field, new FROM shop.order_changes
                         WHERE order_id = o.id ORDER BY field, id DESC) c ON true
         WHERE c.new <> CASE c.field WHEN 'status' THEN o.status ELSE o.payment END""",
    "an order has no first change": """
        SELECT id FROM shop.orders o
         WHERE NOT EXISTS (SELECT FROM shop.order_changes c WHERE c.order_id = o.id AND c.old IS NULL)""",
}


def require_invariants() -> None:
    """Raise `AssertionError` naming what does not hold, and where."""
    for meaning, query in BROKEN.items():
        found = databases.shop.execute_sql(query).fetchall()
        assert not found, (meaning, found[:3])
