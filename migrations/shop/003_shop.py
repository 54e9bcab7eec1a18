"""Products, customers and orders."""

import peewee as pw
import playhouse.postgres_ext as pw_pext
from peewee_migrate import Migrator


def migrate(migrator: Migrator, database: pw.Database, *, fake: bool = False) -> None:
    @migrator.create_model
    class ProductCategory(pw.Model):
        id = pw.UUIDField(primary_key=True)
        created_at = pw_pext.DateTimeTZField()
        updated_at = pw_pext.DateTimeTZField()
        version = pw.IntegerField(constraints=[pw.SQL("DEFAULT 1")])
        name = pw.CharField(max_length=80)
        slug = pw.CharField(max_length=100, unique=True)
        description = pw.TextField(constraints=[pw.SQL("DEFAULT ''")])

        class Meta:
            table_name = "product_categories"
            schema = "shop"

    @migrator.create_model
    class Product(pw.Model):
        id = pw.UUIDField(primary_key=True)
        created_at = pw_pext.DateTimeTZField()
        updated_at = pw_pext.DateTimeTZField()
        version = pw.IntegerField(constraints=[pw.SQL("DEFAULT 1")])
        vendor_id = pw.UUIDField(index=True)
        category = pw.ForeignKeyField(
            column_name="category_id",
            field="id",
            model=migrator.orm["product_categories"],
            null=True,
            on_delete="SET NULL",
        )
        type = pw.CharField(max_length=20)
        name = pw.CharField(max_length=100)
        slug = pw.CharField(max_length=130, unique=True)
        description = pw.TextField(constraints=[pw.SQL("DEFAULT ''")])
        price = pw.DecimalField(max_digits=14, decimal_places=2)
        stock = pw.IntegerField(null=True)
        reserved = pw.IntegerField(constraints=[pw.SQL("DEFAULT 0")])
        active = pw.BooleanField(constraints=[pw.SQL("DEFAULT true")])
        metadata = pw.JSONField(constraints=[pw.SQL("DEFAULT '{}'")])

        class Meta:
            table_name = "products"
            schema = "shop"
            constraints = [
                pw.Check("type IN ('physical', 'digital', 'subscription')", name="products_type_is_known"),
                pw.Check("char_length(name) >= 3", name="products_name_is_long_enough"),
                pw.Check("price > 0 OR (price = 0 AND type = 'subscription')", name="products_price_is_positive"),
                pw.Check("(stock IS NOT NULL) = (type = 'physical')", name="products_physical_have_stock"),
                pw.Check("reserved >= 0 AND reserved <= coalesce(stock, 0)", name="products_stock_covers_reserved"),
            ]

    @migrator.create_model
    class Customer(pw.Model):
        id = pw.UUIDField(primary_key=True)
        created_at = pw_pext.DateTimeTZField()
        updated_at = pw_pext.DateTimeTZField()
        version = pw.IntegerField(constraints=[pw.SQL("DEFAULT 1")])
        user_id = pw.UUIDField(unique=True)
        monthly_limit = pw.DecimalField(max_digits=14, decimal_places=2, null=True)

        class Meta:
            table_name = "customers"
            schema = "shop"
            constraints = [pw.Check("monthly_limit >= 0", name="customers_monthly_limit_is_not_negative")]

    @migrator.create_model
    class Address(pw.Model):
        id = pw.UUIDField(primary_key=True)
        created_at = pw_pext.DateTimeTZField()
        updated_at = pw_pext.DateTimeTZField()
        version = pw.IntegerField(constraints=[pw.SQL("DEFAULT 1")])
        user_id = pw.UUIDField(index=True)
        name = pw.CharField(max_length=100)
        street_address = pw.CharField(max_length=200)
        city = pw.CharField(max_length=100)
        country_area = pw.CharField(max_length=100, constraints=[pw.SQL("DEFAULT ''")])
        postal_code = pw.CharField(max_length=20, constraints=[pw.SQL("DEFAULT ''")])
        country_code = pw.CharField(max_length=2)

        class Meta:
            table_name = "addresses"
            schema = "shop"

    @migrator.create_model
    class Order(pw.Model):
        id = pw.UUIDField(primary_key=True)
        created_at = pw_pext.DateTimeTZField()
        updated_at = pw_pext.DateTimeTZField()
        version = pw.IntegerField(constraints=[pw.SQL("DEFAULT 1")])
        user_id = pw.UUIDField()
        status = pw.CharField(max_length=20, constraints=[pw.SQL("DEFAULT 'pending'")])
        payment = pw.CharField(max_length=20, constraints=[pw.SQL("DEFAULT 'pending'")])
        total = pw.DecimalField(max_digits=14, decimal_places=2)
        shipping_address = pw.JSONField(null=True)

        class Meta:
            table_name = "orders"
            schema = "shop"
            indexes = [(("user_id", "created_at"), False), (("created_at",), False)]
            constraints = [
                pw.Check(
                    "status IN ('pending', 'processing', 'shipped', 'delivered', 'cancelled')",
                    name="orders_status_is_known",
                ),
                pw.Check("payment IN ('pending', 'paid', 'failed', 'refunded')", name="orders_payment_is_known"),
                pw.Check("total >= 0", name="orders_total_is_not_negative"),
            ]

    @migrator.create_model
    class OrderItem(pw.Model):
        id = pw.UUIDField(primary_key=True)
        created_at = pw_pext.DateTimeTZField()
        updated_at = pw_pext.DateTimeTZField()
        version = pw.IntegerField(constraints=[pw.SQL("DEFAULT 1")])
        order = pw.ForeignKeyField(
            column_name="order_id", field="id", model=migrator.orm["orders"], on_delete="CASCADE", index=False
        )
        product = pw.ForeignKeyField(
            column_name="product_id", field="id", model=migrator.orm["products"], on_delete="RESTRICT"
        )
        name = pw.CharField(max_length=100)
        unit_price = pw.DecimalField(max_digits=14, decimal_places=2)
        quantity = pw.IntegerField()

        class Meta:
            table_name = "order_items"
            schema = "shop"
            indexes = [(("order", "product"), True)]
            constraints = [
                pw.Check("quantity > 0", name="order_items_quantity_is_positive"),
                pw.Check("unit_price >= 0", name="order_items_unit_price_is_not_negative"),
            ]

    @migrator.create_model
    class OrderChange(pw.Model):
        id = pw.UUIDField(primary_key=True)
        created_at = pw_pext.DateTimeTZField()
        updated_at = pw_pext.DateTimeTZField()
        version = pw.IntegerField(constraints=[pw.SQL("DEFAULT 1")])
        order = pw.ForeignKeyField(
            column_name="order_id", field="id", model=migrator.orm["orders"], on_delete="CASCADE"
        )
        field = pw.CharField(max_length=10)
        old = pw.CharField(max_length=20, null=True)
        new = pw.CharField(max_length=20)
        changed_by = pw.UUIDField(null=True)

        class Meta:
            table_name = "order_changes"
            schema = "shop"
            constraints = [pw.Check("field IN ('status', 'payment')", name="order_changes_field_is_known")]


def rollback(migrator: Migrator, database: pw.Database, *, fake: bool = False) -> None:
    migrator.remove_model("order_changes")

    migrator.remove_model("order_items")

    migrator.remove_model("orders")

    migrator.remove_model("addresses")

    migrator.remove_model("customers")

    migrator.remove_model("products")

    migrator.remove_model("product_categories")
