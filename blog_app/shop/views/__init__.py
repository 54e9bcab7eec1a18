"""The endpoints of the shop."""

from blog_app.shop.views.customers import addresses, customers
from blog_app.shop.views.orders import my_orders, orders
from blog_app.shop.views.products import product_categories, products
from blog_app.shop.views.reports import reports

blueprints = (product_categories, products, addresses, customers, orders, my_orders, reports)
