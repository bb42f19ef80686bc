# The image of the site, for `chat serve` and every other command:
#
#   docker build -t chat .
#   docker run --env-file .env -p 8000:8000 chat            # `chat serve`
#   docker run --env-file .env chat migrate                 # any other command
#
# docs/deploy.md says how to run it with its stores and a proxy. deploy/prove.sh builds and runs it without a daemon.

ARG NODE_IMAGE=docker.io/library/node:22-trixie-slim
ARG BASE_IMAGE=docker.io/library/debian:trixie-slim

# The styles and scripts. Nothing of Node is in the image.
FROM ${NODE_IMAGE} AS assets
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY bin/finish-static.mjs bin/trim-marked.mjs bin/
COPY templates templates
COPY static static
RUN npm run --silent build && rm -r static/src

# The packages, by their hashes. Bytecode is compiled here: the site cannot write it. It is not compared with the times of
# its sources, which some builders and registries change.
FROM ${BASE_IMAGE} AS packages
RUN apt-get update && apt-get install --yes --no-install-recommends python3-venv && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY requirements.txt ./
RUN python3 -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir --no-compile --require-hashes --no-deps -r requirements.txt
COPY pyproject.toml README.md LICENSE ./
COPY chat chat
COPY migrations migrations
RUN /opt/venv/bin/pip install --no-compile --no-index --no-deps --no-build-isolation -e . \
    && /opt/venv/bin/pip uninstall --yes --quiet pip \
    && python3 -m compileall -q --invalidation-mode unchecked-hash /opt/venv/lib chat migrations \
    && rm requirements.txt

FROM ${BASE_IMAGE}
LABEL org.opencontainers.image.title="Quart Chat" \
      org.opencontainers.image.description="A self-hosted chat with language models" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="MIT"
RUN apt-get update && apt-get install --yes --no-install-recommends ca-certificates python3 tzdata \
    && rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/*
COPY --from=packages /opt/venv /opt/venv
COPY --from=packages /app /app
COPY --from=assets /app/static /app/static
COPY templates /app/templates
WORKDIR /app
ENV PATH=/opt/venv/bin:/usr/bin HOST=0.0.0.0 PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
# A number, so that Kubernetes can check that it is not root. It owns no file: a read-only root works.
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
# Whether the process is up, and not whether it is ready: no one should replace it because PostgreSQL is down.
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s CMD ["python", "-c", "import http.client, os, sys; site = http.client.HTTPConnection('127.0.0.1', int(os.environ.get('PORT') or 8000), timeout=4); site.request('GET', '/healthz'); sys.exit(site.getresponse().status != 200)"]
ENTRYPOINT ["chat"]
CMD ["serve"]
