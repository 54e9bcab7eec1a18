"""The endpoints of the shop."""

from blog_app.shop.views import catalogue, customers, orders, reports

blueprints = (
    catalogue.product_categories,
    catalogue.products,
    customers.addresses,
    customers.customers,
    orders.orders,
    orders.my_orders,
    reports.reports,
)
