"""Invariants of the shop tables, as queries for violations."""

from __future__ import annotations

from blog_app.data import databases

VIOLATIONS = {
    "a product's stock is less than its reservations": """
        SELECT id, stock, reserved FROM shop.products
         WHERE reserved < 0 OR reserved > coalesce(stock, 0)""",
    "the reservations of a product differ from its open orders": """
        SELECT p.id, p.reserved, coalesce(sum(i.quantity), 0)
          FROM shop.products p
          LEFT JOIN shop.orders o ON o.status IN ('pending', 'processing')
          LEFT JOIN shop.order_items i ON i.order_id = o.id AND i.product_id = p.id
         WHERE p.type = 'physical'
         GROUP BY p.id
        HAVING p.reserved <> coalesce(sum(i.quantity), 0)""",
    "an order's total differs from the sum of its items": """
        SELECT o.id, o.total, sum(i.unit_price * i.quantity)
          FROM shop.orders o LEFT JOIN shop.order_items i ON i.order_id = o.id
         GROUP BY o.id
        HAVING o.total IS DISTINCT FROM sum(i.unit_price * i.quantity)""",
    "an order's last change differs from its state": """
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
    """Raise `AssertionError` with the first violated invariant and some rows."""
    for violation, query in VIOLATIONS.items():
        found = databases.shop.execute_sql(query).fetchall()
        assert not found, (violation, found[:3])
