"""All tables of the rooms below the money, for new databases: 0001 to 0004 in one step."""

import django.contrib.auth.models
import django.contrib.auth.validators
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

from exchange.migrations._together import CreateModels


class Migration(migrations.Migration):

    initial = True

    replaces = [
        ('exchange', '0001_initial'),
        ('exchange', '0002_order_terms'),
        ('exchange', '0003_delivery_terms'),
        ('exchange', '0004_order_cancel_reason'),
    ]

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
    ]

    operations = [
        CreateModels(
            [
            migrations.CreateModel(
                name='Commodity',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('code', models.SlugField(max_length=16, unique=True)),
                    ('name_zh', models.CharField(max_length=40)),
                    ('name_en', models.CharField(max_length=80)),
                    ('category', models.CharField(max_length=12)),
                    ('vat_pct', models.PositiveSmallIntegerField()),
                    ('parameters', models.JSONField()),
                ],
                options={
                    'ordering': ['code'],
                },
            ),
            migrations.CreateModel(
                name='Venue',
                fields=[
                    ('id', models.PositiveSmallIntegerField(primary_key=True, serialize=False)),
                    ('code', models.SlugField(max_length=8, unique=True)),
                    ('name_zh', models.CharField(max_length=60)),
                    ('name_en', models.CharField(max_length=80)),
                    ('always_open', models.BooleanField(default=False)),
                ],
                options={
                    'ordering': ['id'],
                },
            ),
            migrations.CreateModel(
                name='Firm',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('code', models.SlugField(max_length=12, unique=True)),
                    ('uscc', models.CharField(max_length=18, unique=True)),
                    ('name_zh', models.CharField(max_length=80)),
                    ('name_en', models.CharField(max_length=120)),
                    ('group_id', models.PositiveBigIntegerField(default=0)),
                ],
                options={
                    'ordering': ['code'],
                },
            ),
            migrations.CreateModel(
                name='Warehouse',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('code', models.SlugField(max_length=12, unique=True)),
                    ('name_zh', models.CharField(max_length=60)),
                    ('name_en', models.CharField(max_length=80)),
                    ('city_zh', models.CharField(max_length=20)),
                    ('port_zh', models.CharField(blank=True, max_length=20)),
                    ('categories', models.JSONField(default=list)),
                    ('capacity_kg', models.PositiveBigIntegerField()),
                ],
                options={
                    'ordering': ['code'],
                },
            ),
            migrations.CreateModel(
                name='User',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('password', models.CharField(max_length=128, verbose_name='password')),
                    ('last_login', models.DateTimeField(blank=True, null=True, verbose_name='last login')),
                    ('is_superuser', models.BooleanField(default=False, help_text='Designates that this user has all permissions without explicitly assigning them.', verbose_name='superuser status')),
                    ('username', models.CharField(error_messages={'unique': 'A user with that username already exists.'}, help_text='Required. 150 characters or fewer. Letters, digits and @/./+/-/_ only.', max_length=150, unique=True, validators=[django.contrib.auth.validators.UnicodeUsernameValidator()], verbose_name='username')),
                    ('first_name', models.CharField(blank=True, max_length=150, verbose_name='first name')),
                    ('last_name', models.CharField(blank=True, max_length=150, verbose_name='last name')),
                    ('email', models.EmailField(blank=True, max_length=254, verbose_name='email address')),
                    ('is_staff', models.BooleanField(default=False, help_text='Designates whether the user can log into this admin site.', verbose_name='staff status')),
                    ('is_active', models.BooleanField(default=True, help_text='Designates whether this user should be treated as active. Unselect this instead of deleting accounts.', verbose_name='active')),
                    ('date_joined', models.DateTimeField(default=django.utils.timezone.now, verbose_name='date joined')),
                    ('name_zh', models.CharField(blank=True, max_length=30)),
                    ('theme', models.CharField(default='dark', max_length=8)),
                    ('trend', models.CharField(default='cn', max_length=8)),
                    ('language', models.CharField(default='zh-hans', max_length=8)),
                    ('groups', models.ManyToManyField(blank=True, help_text='The groups this user belongs to. A user will get all permissions granted to each of their groups.', related_name='user_set', related_query_name='user', to='auth.group', verbose_name='groups')),
                    ('user_permissions', models.ManyToManyField(blank=True, help_text='Specific permissions for this user.', related_name='user_set', related_query_name='user', to='auth.permission', verbose_name='user permissions')),
                ],
                options={
                    'verbose_name': 'user',
                    'verbose_name_plural': 'users',
                    'abstract': False,
                },
                managers=[
                    ('objects', django.contrib.auth.models.UserManager()),
                ],
            ),
            migrations.CreateModel(
                name='FeedState',
                fields=[
                    ('venue', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, serialize=False, to='exchange.venue')),
                    ('seq', models.PositiveBigIntegerField()),
                    ('hash', models.BinaryField(max_length=32)),
                    ('state', models.BinaryField()),
                ],
            ),
            migrations.CreateModel(
                name='VenueStatus',
                fields=[
                    ('venue', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, serialize=False, to='exchange.venue')),
                    ('day', models.PositiveIntegerField(default=0)),
                    ('halted', models.BooleanField(default=False)),
                ],
            ),
            migrations.CreateModel(
                name='Approval',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('venue', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='exchange.venue')),
                    ('number', models.CharField(max_length=60)),
                    ('authority', models.CharField(max_length=80)),
                    ('opinion', models.CharField(max_length=200)),
                    ('scope', models.JSONField(default=list)),
                    ('valid_from', models.DateField()),
                    ('valid_to', models.DateField()),
                    ('made_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('activated_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('is_demo', models.BooleanField(default=False)),
                ],
                options={
                    'constraints': [models.CheckConstraint(condition=models.Q(('activated_by__isnull', True), models.Q(('activated_by', models.F('made_by')), _negated=True), _connector='OR'), name='approval_needs_two_people'), models.UniqueConstraint(fields=('venue', 'number'), name='one_approval_per_number')],
                },
            ),
            migrations.CreateModel(
                name='FirmFunds',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('venue', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='exchange.venue')),
                    ('firm_id', models.PositiveBigIntegerField()),
                    ('available_fen', models.BigIntegerField(default=0)),
                    ('held_fen', models.BigIntegerField(default=0)),
                    ('committed_fen', models.BigIntegerField(default=0)),
                    ('seq', models.PositiveBigIntegerField(default=0)),
                ],
                options={
                    'constraints': [models.UniqueConstraint(fields=('venue', 'firm_id'), name='one_funds_row_per_firm')],
                },
            ),
            migrations.CreateModel(
                name='Membership',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('venue', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='exchange.venue')),
                    ('firm', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='exchange.firm')),
                    ('status', models.CharField(choices=[('active', 'Active'), ('suspended', 'Suspended')], default='active', max_length=12)),
                    ('may_buy', models.BooleanField(default=True)),
                    ('may_sell', models.BooleanField(default=True)),
                ],
                options={
                    'constraints': [models.UniqueConstraint(fields=('venue', 'firm'), name='one_membership_per_firm')],
                },
            ),
            migrations.CreateModel(
                name='OrderRow',
                fields=[
                    ('id', models.PositiveBigIntegerField(primary_key=True, serialize=False)),
                    ('venue', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='exchange.venue')),
                    ('order_id', models.PositiveBigIntegerField()),
                    ('firm_id', models.PositiveBigIntegerField()),
                    ('trader_id', models.PositiveBigIntegerField()),
                    ('client_order_id', models.CharField(max_length=36)),
                    ('instrument_id', models.PositiveBigIntegerField()),
                    ('side', models.PositiveSmallIntegerField()),
                    ('tif', models.PositiveSmallIntegerField()),
                    ('lifted_order_id', models.PositiveBigIntegerField(default=0)),
                    ('price_ticks', models.PositiveBigIntegerField()),
                    ('quantity_lots', models.PositiveBigIntegerField()),
                    ('executed_lots', models.PositiveBigIntegerField(default=0)),
                    ('open_lots', models.PositiveBigIntegerField()),
                    ('held_fen', models.PositiveBigIntegerField(default=0)),
                    ('receipts', models.JSONField(default=list)),
                    ('kind', models.PositiveSmallIntegerField(default=1)),
                    ('expires_us', models.PositiveBigIntegerField(default=0)),
                    ('display_lots', models.PositiveBigIntegerField(default=0)),
                    ('least_lots', models.PositiveBigIntegerField(default=0)),
                    ('stop_ticks', models.PositiveBigIntegerField(default=0)),
                    ('directed_to', models.JSONField(default=list)),
                    ('state', models.CharField(choices=[('open', 'Open'), ('filled', 'Filled'), ('cancelled', 'Cancelled'), ('expired', 'Expired'), ('waiting', 'Waiting'), ('suspended', 'Suspended')], max_length=10)),
                    ('cancel_reason', models.PositiveSmallIntegerField(default=0)),
                    ('entered_at', models.DateTimeField()),
                    ('changed_at', models.DateTimeField()),
                    ('changed_seq', models.PositiveBigIntegerField()),
                ],
                options={
                    'indexes': [models.Index(fields=['venue', 'firm_id', 'state', '-order_id'], name='exchange_or_venue_i_f66b1a_idx')],
                    'constraints': [models.UniqueConstraint(fields=('venue', 'order_id'), name='one_row_per_order')],
                },
            ),
            migrations.CreateModel(
                name='Seat',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('venue', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='exchange.venue')),
                    ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='seats', to=settings.AUTH_USER_MODEL)),
                    ('firm', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, to='exchange.firm')),
                    ('role', models.CharField(choices=[('trader', 'Trader'), ('finance', 'Finance'), ('delivery', 'Delivery'), ('operator', 'Operator'), ('reviewer', 'Reviewer'), ('warehouse', 'Warehouse'), ('inspector', 'Inspector'), ('clerk', 'Clerk')], max_length=12)),
                ],
                options={
                    'constraints': [models.UniqueConstraint(fields=('venue', 'user'), name='one_seat_per_user_and_venue'), models.CheckConstraint(condition=models.Q(models.Q(('firm__isnull', False), ('role__in', ['trader', 'finance', 'delivery'])), models.Q(('firm__isnull', True), ('role__in', ['operator', 'reviewer', 'warehouse', 'inspector', 'clerk'])), _connector='OR'), name='firm_roles_have_a_firm')],
                },
            ),
            migrations.CreateModel(
                name='TradeRow',
                fields=[
                    ('id', models.PositiveBigIntegerField(primary_key=True, serialize=False)),
                    ('venue', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='exchange.venue')),
                    ('trade_id', models.PositiveBigIntegerField()),
                    ('seq', models.PositiveBigIntegerField()),
                    ('instrument_id', models.PositiveBigIntegerField()),
                    ('price_ticks', models.PositiveBigIntegerField()),
                    ('quantity_lots', models.PositiveBigIntegerField()),
                    ('weight_kg', models.PositiveBigIntegerField()),
                    ('value_fen', models.PositiveBigIntegerField()),
                    ('maker_order_id', models.PositiveBigIntegerField()),
                    ('taker_order_id', models.PositiveBigIntegerField()),
                    ('taker_side', models.PositiveSmallIntegerField()),
                    ('buyer_firm_id', models.PositiveBigIntegerField()),
                    ('seller_firm_id', models.PositiveBigIntegerField()),
                    ('buyer_fee_fen', models.PositiveBigIntegerField()),
                    ('seller_fee_fen', models.PositiveBigIntegerField()),
                    ('day', models.PositiveIntegerField(default=0)),
                    ('traded_at', models.DateTimeField()),
                    ('busted_at', models.DateTimeField(null=True)),
                ],
                options={
                    'indexes': [models.Index(fields=['venue', 'buyer_firm_id', '-trade_id'], name='exchange_tr_venue_i_d95837_idx'), models.Index(fields=['venue', 'seller_firm_id', '-trade_id'], name='exchange_tr_venue_i_4787cd_idx')],
                    'constraints': [models.UniqueConstraint(fields=('venue', 'trade_id'), name='one_row_per_trade')],
                },
            ),
            migrations.CreateModel(
                name='Instrument',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('venue', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='exchange.venue')),
                    ('code', models.SlugField(max_length=20)),
                    ('commodity', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='exchange.commodity')),
                    ('warehouse', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='exchange.warehouse')),
                    ('name_zh', models.CharField(max_length=60)),
                    ('name_en', models.CharField(max_length=80)),
                    ('grade_zh', models.CharField(max_length=60)),
                    ('grade_en', models.CharField(max_length=80)),
                    ('basis', models.CharField(max_length=16)),
                    ('unit', models.CharField(max_length=8)),
                    ('mode', models.CharField(choices=[('listed', 'Listed'), ('matched', 'Matched')], default='listed', max_length=12)),
                    ('approval', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, to='exchange.approval')),
                    ('status', models.CharField(choices=[('proposed', 'Proposed'), ('refused', 'Refused'), ('listed', 'Listed'), ('suspended', 'Suspended')], default='proposed', max_length=12)),
                    ('refusal', models.CharField(blank=True, max_length=40)),
                    ('tick_fen_per_t', models.PositiveBigIntegerField()),
                    ('lot_kg', models.PositiveBigIntegerField()),
                    ('piece_min_kg', models.PositiveBigIntegerField(default=0)),
                    ('piece_max_kg', models.PositiveBigIntegerField(default=0)),
                    ('min_lots', models.PositiveBigIntegerField()),
                    ('step_lots', models.PositiveBigIntegerField()),
                    ('max_lots', models.PositiveBigIntegerField()),
                    ('max_value_fen', models.PositiveBigIntegerField()),
                    ('reference_ticks', models.PositiveBigIntegerField()),
                    ('band_bp', models.PositiveIntegerField()),
                    ('cover_bp', models.PositiveIntegerField(default=10000)),
                    ('delivery', models.CharField(choices=[('receipt', 'Receipt'), ('acceptance', 'Acceptance')], default='receipt', max_length=12)),
                    ('plus_tolerance_bp', models.PositiveIntegerField(default=0)),
                    ('buyer_fee_bp', models.PositiveIntegerField()),
                    ('seller_fee_bp', models.PositiveIntegerField()),
                    ('vat_pct', models.PositiveSmallIntegerField()),
                    ('listed_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['venue_id', 'code'],
                    'constraints': [models.UniqueConstraint(fields=('venue', 'code'), name='one_instrument_per_code'), models.CheckConstraint(condition=models.Q(models.Q(('mode', 'matched'), _negated=True), ('approval__isnull', False), _connector='OR'), name='matched_needs_an_approval')],
                },
            ),
            migrations.CreateModel(
                name='DayStatistics',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('venue', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='exchange.venue')),
                    ('instrument_id', models.PositiveBigIntegerField()),
                    ('day', models.PositiveIntegerField()),
                    ('open_ticks', models.PositiveBigIntegerField()),
                    ('high_ticks', models.PositiveBigIntegerField()),
                    ('low_ticks', models.PositiveBigIntegerField()),
                    ('last_ticks', models.PositiveBigIntegerField()),
                    ('volume_lots', models.PositiveBigIntegerField()),
                    ('weight_kg', models.PositiveBigIntegerField()),
                    ('turnover_fen', models.PositiveBigIntegerField()),
                    ('trades', models.PositiveIntegerField()),
                ],
                options={
                    'constraints': [models.UniqueConstraint(fields=('venue', 'instrument_id', 'day'), name='one_statistic_per_day')],
                },
            ),
            migrations.CreateModel(
                name='Candle',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('venue', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='exchange.venue')),
                    ('instrument_id', models.PositiveBigIntegerField()),
                    ('minute', models.PositiveBigIntegerField()),
                    ('open_ticks', models.PositiveBigIntegerField()),
                    ('high_ticks', models.PositiveBigIntegerField()),
                    ('low_ticks', models.PositiveBigIntegerField()),
                    ('close_ticks', models.PositiveBigIntegerField()),
                    ('volume_lots', models.PositiveBigIntegerField()),
                ],
                options={
                    'constraints': [models.UniqueConstraint(fields=('venue', 'instrument_id', 'minute'), name='one_candle_per_minute')],
                },
            ),
            migrations.CreateModel(
                name='Bookmark',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('venue', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='exchange.venue')),
                    ('follower', models.CharField(max_length=20)),
                    ('seq', models.PositiveBigIntegerField(default=0)),
                    ('hash', models.BinaryField(default=bytes, max_length=32)),
                ],
                options={
                    'constraints': [models.UniqueConstraint(fields=('venue', 'follower'), name='one_bookmark_per_follower')],
                },
            ),
            ],
        ),
    ]
