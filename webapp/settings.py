"""All settings, read from the environment once; every variable stands in docs/operations.md (a test compares)."""

from __future__ import annotations

import secrets
import warnings
from datetime import timedelta
from pathlib import Path

import bokeh
import dj_database_url
import django_stubs_ext
from django.core.exceptions import ImproperlyConfigured

from webapp import embedded, environment

django_stubs_ext.monkeypatch()  # lets annotations such as ModelAdmin[Space] stand in class bases

BASE_DIR = Path(__file__).resolve().parent.parent

DEBUG = environment.flag("DEBUG", default=False)
VAR = environment.folder("NETSPACE_VAR", BASE_DIR / "var")
DATA_FOLDER = environment.folder("NETSPACE_DATA", VAR / "data")
CHECKPOINT_FOLDER = environment.folder("NETSPACE_CHECKPOINTS", VAR / "checkpoints")

LEASE_SECONDS = environment.seconds("NETSPACE_LEASE_SECONDS", default=60, low=1, high=3600)
HEARTBEAT_SECONDS = environment.seconds("NETSPACE_HEARTBEAT_SECONDS", default=15, low=0.1, high=600)
POLL_SECONDS = environment.seconds("NETSPACE_POLL_SECONDS", default=5, low=0.1, high=600)
STALL_SECONDS = environment.seconds("NETSPACE_STALL_SECONDS", default=300, low=1, high=86400)
if HEARTBEAT_SECONDS * 2 > LEASE_SECONDS:
    raise ImproperlyConfigured(
        f"NETSPACE_HEARTBEAT_SECONDS must be at most half of NETSPACE_LEASE_SECONDS, "
        f"got {HEARTBEAT_SECONDS:g} and {LEASE_SECONDS:g}."
    )

# Without the two addresses the app runs its own PostgreSQL and Redis under VAR (webapp/embedded.py).
DATABASE_URL = environment.text("DATABASE_URL")
REDIS_URL = environment.text("REDIS_URL")
EMBEDDED = not (DATABASE_URL and REDIS_URL)
if EMBEDDED:
    if DATABASE_URL or REDIS_URL:
        raise ImproperlyConfigured("Set both DATABASE_URL and REDIS_URL, or neither to use the embedded services.")
    DATABASE_URL, REDIS_URL = embedded.urls(VAR)
if not DATABASE_URL.startswith(("postgres://", "postgresql://")):
    raise ImproperlyConfigured("DATABASE_URL must start with postgresql://; no other database is supported.")
if not REDIS_URL.startswith(("redis://", "rediss://", "unix://")):
    raise ImproperlyConfigured("REDIS_URL must start with redis:// or rediss://.")


def _secret_key() -> str:
    """The key from the environment; with the embedded services one is made once and kept beside them."""
    key = environment.text("SECRET_KEY")
    if key:
        return key
    if not EMBEDDED:
        raise ImproperlyConfigured("SECRET_KEY must be set when DATABASE_URL and REDIS_URL are.")
    file = VAR / "secret_key"
    if not file.exists():
        VAR.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(48))
    return file.read_text().strip()


SECRET_KEY = _secret_key()
ALLOWED_HOSTS = environment.words("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = environment.words("CSRF_TRUSTED_ORIGINS")
HTTPS = environment.flag("HTTPS", default=False)

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "axes",
    "webapp",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.gzip.GZipMiddleware",  # above, for it compresses Bokeh's script to a quarter
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "webapp.middleware.refuse_unstorable_text",
    "webapp.middleware.content_policy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "webapp.middleware.current_team",
    "webapp.middleware.viewer_time_zone",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "webapp.urls"
WSGI_APPLICATION = "webapp.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
            "loaders": [
                (
                    "django.template.loaders.cached.Loader",
                    [
                        "django.template.loaders.filesystem.Loader",
                        "django.template.loaders.app_directories.Loader",
                    ],
                )
            ],
        },
    }
]

# A process that is stopped, or a machine that vanishes, in the middle of a transaction must not hold its locks for
# longer than a lease; either side notices within a minute that the other one has gone.
SESSION = {
    "timezone": "UTC",
    "idle_in_transaction_session_timeout": f"{max(10, LEASE_SECONDS):.0f}s",
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
}
DATABASE_OPTIONS = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
    "options": " ".join(f"-c {name}={value}" for name, value in SESSION.items()),
}
DATABASES = {
    "default": dj_database_url.parse(DATABASE_URL, conn_max_age=60, conn_health_checks=True)
    | {"OPTIONS": DATABASE_OPTIONS}
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "webapp.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
    "sesame.backends.ModelBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "/sign-in/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/sign-in/"
# A sign-in link works once and for half a day (django-sesame).
SESAME_ONE_TIME = True
SESAME_MAX_AGE = 43_200
PASSWORD_RESET_TIMEOUT = 86_400

# Wrong passwords are counted for an account and an address together, so that nobody can lock somebody else out from
# elsewhere; the lock ends by itself, and further tries do not make it longer (django-axes).
PROXIES = environment.whole("PROXIES", default=0, low=0, high=10)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_RESET_ON_SUCCESS = True
AXES_USERNAME_FORM_FIELD = "username"
AXES_CLIENT_IP_CALLABLE = "webapp.clients.client_address"
AXES_WHITELIST_CALLABLE = "webapp.clients.has_no_password"
AXES_LOCKOUT_CALLABLE = "webapp.views.accounts.locked_out"
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "email", "sesame", "next", "csrfmiddlewaretoken"]
AXES_DISABLE_ACCESS_LOG = True
AXES_VERBOSE = False

LANGUAGE_CODE = "en-gb"
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "/static/"
STATIC_ROOT = VAR / "static"
STATICFILES_DIRS = [("vendor/bokeh", Path(bokeh.__file__).parent / "server" / "static" / "js")]
# Files are served from where they lie, so that nothing has to be collected before a start.
STORAGES = {"staticfiles": {"BACKEND": "webapp.static_files.DigestInAddress"}}
WHITENOISE_USE_FINDERS = True
warnings.filterwarnings("ignore", message="No directory at")  # STATIC_ROOT, which is therefore never made
# Kept for good, but for what the administration's own styles name without a digest.
WHITENOISE_MAX_AGE = 0 if DEBUG else 3600
WHITENOISE_IMMUTABLE_FILE_TEST = "^$" if DEBUG else f"^{STATIC_URL}(?!admin/)"

# EMAIL_BACKEND, EMAIL_HOST and so on, from one address. Without it only mails for forgotten passwords are written, to
# the console.
globals().update(environment.mail("EMAIL_URL"))
MAIL_CONFIGURED = bool(environment.text("EMAIL_URL").strip())
# For links in mails that no request causes; by default the first name under which the app is reached.
FIRST_HOST = next((host for host in ALLOWED_HOSTS if host[0] not in "*."), "localhost")
PUBLIC_URL = environment.address("NETSPACE_URL", f"https://{FIRST_HOST}" if HTTPS else f"http://{FIRST_HOST}:8000")
DEFAULT_FROM_EMAIL = SERVER_EMAIL = environment.text("EMAIL_FROM") or "Netspace <netspace@localhost>"

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_500_000
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1000
# The two limits above are for fields; files are bounded, and streamed to disk, by the one handler there is.
FILE_UPLOAD_HANDLERS = ["webapp.files.uploads.BoundedUploadHandler"]
DATA_UPLOAD_MAX_NUMBER_FILES = 1

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "plain": {"()": "webapp.log_text.SecretFreeFormatter", "fmt": "%(levelname)s %(name)s: %(message)s"}
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {"bokeh": {"level": "WARNING"}, "django.request": {"level": "ERROR"}, "axes": {"level": "ERROR"}},
}
