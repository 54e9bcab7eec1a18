"""The tables of the shop: what is sold, to whom, and the orders."""

from blog_app.shop.models.base import ShopRecord
from blog_app.shop.models.catalogue import TYPES, Product, ProductCategory
from blog_app.shop.models.customers import Address, Customer
from blog_app.shop.models.orders import Order, OrderChange, OrderItem

__all__ = [
    "TYPES",
    "Address",
    "Customer",
    "Order",
    "OrderChange",
    "OrderItem",
    "Product",
    "ProductCategory",
    "ShopRecord",
]
