"""The revenue of each day, computed beforehand: a materialised view that the worker refreshes."""

from __future__ import annotations

import peewee

from blog_app.data import databases
from blog_app.shop.models.base import money_field


class DailyRevenue(peewee.Model):
    """What was ordered on one day (UTC) and not cancelled. No table, so not among the models that migrations make."""

    day = peewee.DateField(primary_key=True)
    orders = peewee.IntegerField()
    revenue = money_field()
    paid = money_field()

    class Meta:
        database = databases.shop
        schema = "shop"
        table_name = "daily_revenue"
