"""Daily revenue: a materialized view that the worker refreshes."""

from __future__ import annotations

import peewee

from blog_app.data import databases
from blog_app.shop.models.base import money_field


class DailyRevenue(peewee.Model):
    """Orders and revenue of one day (UTC), without cancelled orders. A view, so migrations do not create it."""

    day = peewee.DateField(primary_key=True)
    orders = peewee.IntegerField()
    revenue = money_field()
    paid = money_field()

    class Meta:
        database = databases.shop
        schema = "shop"
        table_name = "daily_revenue"
