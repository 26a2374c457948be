"""Settings. Everything that differs between installations comes from the environment.

Embedded (default): SQLite in `HAIDAI_DATA_DIR`, Unix sockets, in-memory channel layer.
Cluster: `DATABASE_URL`, `JOURNAL_URL` and `REDIS_URL` name servers. `docs/CONFIGURATION.md`
lists every variable.
"""

import secrets
import sys
from pathlib import Path
from typing import Any

import pysqlite3

# Debian 12's SQLite 3.40 can corrupt a WAL file that two connections write; the wheel brings a
# newer one. The swap must come before Django's backend imports sqlite3 (ARCHITECTURE 4).
sys.modules["sqlite3"] = pysqlite3
sys.modules["sqlite3.dbapi2"] = pysqlite3.dbapi2

from csp.constants import NONE, SELF  # noqa: E402
from django.utils.translation import gettext_lazy as _  # noqa: E402

from config import checks  # noqa: E402
from config.env import DatabaseUrl, Environment  # noqa: E402

checks.refuse_optimized(sys.flags.optimize)
env = Environment()

BASE_DIR = Path(__file__).resolve().parent.parent
HAIDAI_DATA_DIR = env.directory("HAIDAI_DATA_DIR", BASE_DIR / "var")

DEBUG = env.flag("HAIDAI_DEBUG", default=False)
# True while `manage.py demo` runs: log-ins are printed and shown, the calendar never closes.
HAIDAI_DEMO = env.flag("HAIDAI_DEMO", default=False)


def _secret_key() -> str:
    """Return SECRET_KEY, or the key that `serve` keeps in the data directory, or a passing one."""
    kept = HAIDAI_DATA_DIR / "secret.key"
    key = env.text("SECRET_KEY", "")
    if not key and kept.is_file():
        key = kept.read_text(encoding="ascii").strip()
    return key or secrets.token_urlsafe(50)


SECRET_KEY = _secret_key()
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", "127.0.0.1,localhost")
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS", "")
HTTPS = env.flag("HAIDAI_HTTPS", default=False)

INSTALLED_APPS = [
    "web",
    "settlement",
    "exchange",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "channels",
    "allauth",
    "allauth.account",
    "csp",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "web.middleware.VenueScopeMiddleware",
]

ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "web.context.page",
            ],
        },
    },
]


def database_settings(url: DatabaseUrl) -> dict[str, Any]:
    """Return Django's settings for `url`, with the durability that ARCHITECTURE 4 demands."""
    if url.vendor == "sqlite":
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": url.name,
            "OPTIONS": {
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL",
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
            },
        }
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": url.name,
        "USER": url.user,
        "PASSWORD": url.password,
        "HOST": url.host,
        "PORT": url.port,
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    }


DATABASES = {
    "default": database_settings(
        env.database("DATABASE_URL", f"sqlite://{HAIDAI_DATA_DIR / 'app.sqlite3'}")
    ),
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# The journal is not a Django database: `exchange/journal.py` owns its connection.
JOURNAL_URL = env.text("JOURNAL_URL", f"sqlite://{HAIDAI_DATA_DIR / 'journal.sqlite3'}")
env.database("JOURNAL_URL", JOURNAL_URL)  # says so here if it is not an address
# Where the engine and the feed server listen: unix:///path or tcp://host:port.
ENGINE_LINK = env.text("ENGINE_LINK", f"unix://{HAIDAI_DATA_DIR / 'engine.sock'}")
FEED_LINK = env.text("FEED_LINK", f"unix://{HAIDAI_DATA_DIR / 'feeds.sock'}")

# Photos and certificates of goods and files of evidence, under their hashes; never below a path
# that is served.
FILES_DIR = env.directory("FILES_DIR", HAIDAI_DATA_DIR / "files")

# How money reaches and leaves the venues: docs/PAYMENTS.md.
PAYMENT_RAIL = env.choice("PAYMENT_RAIL", "ledger", ("ledger", "stripe", "bankfile"))
STRIPE_SECRET_KEY = env.text("STRIPE_SECRET_KEY", None if PAYMENT_RAIL == "stripe" else "")
STRIPE_WEBHOOK_SECRET = env.text("STRIPE_WEBHOOK_SECRET", None if PAYMENT_RAIL == "stripe" else "")
STRIPE_CURRENCY = env.text("STRIPE_CURRENCY", "cny")
STRIPE_BANK_TRANSFER = env.text("STRIPE_BANK_TRANSFER", "eu_bank_transfer")
STRIPE_API = env.text("STRIPE_API", "")
BANKFILE_KEYS = env.keys("BANKFILE_KEYS", least=32)

# Redis (or Valkey) carries only what may be lost. Without it one web process keeps these itself.
REDIS_URL = env.text("REDIS_URL", "")
CHANNEL_LAYERS: dict[str, dict[str, Any]]
CACHES: dict[str, dict[str, Any]]
if REDIS_URL:
    CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": [REDIS_URL], "prefix": "haidai"},
        }
    }
    CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": REDIS_URL,
            "KEY_PREFIX": "haidai",
        }
    }
else:
    CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
    CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

AUTH_USER_MODEL = "exchange.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_ADAPTER = "web.accounts.AccountAdapter"
ACCOUNT_LOGOUT_ON_GET = False
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/"

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = HTTPS
SESSION_COOKIE_AGE = 12 * 3600
CSRF_COOKIE_SECURE = HTTPS
SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "worker-src": [SELF],
        "manifest-src": [SELF],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 64 * 1024

LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", _("简体中文")), ("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "web" / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "Asia/Shanghai"  # for screens; the database and the engine keep UTC

STATIC_URL = "/static/"
STATIC_ROOT = env.directory("STATIC_ROOT", HAIDAI_DATA_DIR / "static")
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "web.staticfiles.ModuleAwareStorage"},
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"},
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": env.text("LOG_LEVEL", "WARNING")},
    # A 503 of /readyz while the product starts is an answer, not an error.
    "loggers": {"django.request": {"level": "CRITICAL"}, "daphne": {"level": "WARNING"}},
}

# Limits that an operator may raise for market makers' programs, and the benchmark for itself.
SOCKETS_PER_USER = env.number("SOCKETS_PER_USER", 5, least=1, most=10_000)
SOCKET_COMMANDS_PER_S = env.number("SOCKET_COMMANDS_PER_S", 200, least=1, most=100_000)
