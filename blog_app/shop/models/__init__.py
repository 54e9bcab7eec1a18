"""The tables of the shop: products, customers and orders."""

from blog_app.shop.models.base import ShopRecord
from blog_app.shop.models.customers import Address, Customer
from blog_app.shop.models.orders import Order, OrderChange, OrderItem
from blog_app.shop.models.products import Product, ProductCategory

__all__ = ["Address", "Customer", "Order", "OrderChange", "OrderItem", "Product", "ProductCategory", "ShopRecord"]
