# One image for all services of the mesh and its Envoy (target `mesh`), a second one with PostgreSQL (target `postgres`).
# Needs BuildKit (DOCKER_BUILDKIT=1). BASE: any Debian or Ubuntu with Python >= 3.11 in its packages.
# Two optional secrets help behind a package mirror and stay out of the image: `ca`, a CA bundle, and `index`, the URL of
# a Python package index.
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS base
# Services, Envoy and PostgreSQL run as one user: each sees only the volumes that compose gives it.
RUN groupadd --gid 10001 esoffice && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data esoffice
RUN python3 -c 'import ensurepip, ssl' 2>/dev/null || { apt-get update \
    && apt-get install -y --no-install-recommends python3 python3-venv && rm -rf /var/lib/apt/lists/*; }

FROM base AS build
WORKDIR /src
COPY deploy/uv.lock deploy/last.lock requirements.lock requirements-dev.lock ./
# uv stays here; what it makes moves on.
RUN --mount=type=secret,id=ca --mount=type=secret,id=index \
    if [ -s /run/secrets/ca ]; then export SSL_CERT_FILE=/run/secrets/ca PIP_CERT=/run/secrets/ca; fi; \
    if [ -s /run/secrets/index ]; then UV_DEFAULT_INDEX=$(cat /run/secrets/index); \
        export UV_DEFAULT_INDEX PIP_INDEX_URL="$UV_DEFAULT_INDEX"; fi; \
    python3 -m venv /tools && /tools/bin/pip install --quiet --no-cache-dir --require-hashes --no-deps -r uv.lock \
    && python3 -m venv --without-pip /opt/esoffice \
    && /tools/bin/uv pip sync --no-cache --python /opt/esoffice/bin/python --require-hashes --compile-bytecode requirements.lock \
    && /tools/bin/uv pip install --no-cache --python /opt/esoffice/bin/python --no-deps --reinstall --require-hashes --compile-bytecode -r last.lock
COPY . .
RUN --mount=type=secret,id=ca --mount=type=secret,id=index \
    if [ -s /run/secrets/ca ]; then export SSL_CERT_FILE=/run/secrets/ca; fi; \
    if [ -s /run/secrets/index ]; then UV_DEFAULT_INDEX=$(cat /run/secrets/index); export UV_DEFAULT_INDEX; fi; \
    /tools/bin/uv build --no-cache --wheel --require-hashes --build-constraints requirements-dev.lock --out-dir /tmp/wheel \
    && /tools/bin/uv pip install --no-cache --python /opt/esoffice/bin/python --no-deps --compile-bytecode /tmp/wheel/*.whl

FROM base AS postgres
ENV DEBIAN_FRONTEND=noninteractive
# No cluster at installation: the first start makes one in the volume.
RUN apt-get update && apt-get install -y --no-install-recommends postgresql-common \
    && sed -i 's/^#*create_main_cluster.*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf \
    && apt-get install -y --no-install-recommends postgresql && rm -rf /var/lib/apt/lists/* \
    && mkdir -p /data /certs/postgres && chown -R esoffice:esoffice /data /certs && ln -s /trust/ca.pem /certs/ca.pem
COPY deploy/postgres-start /usr/local/bin/
USER esoffice
VOLUME /data
CMD ["postgres-start"]

FROM base AS mesh
# A new volume takes over the owner of the folder it is mounted on. /certs/ca.pem leads to the volume of public things.
RUN for service in config_service server_es server_business envoy-lan envoy-dmz postgres; do \
        mkdir -p /certs/$service /site/$service; done \
    && mkdir -p /data/keys /trust /administrator /mail /documents \
    && chown -R esoffice:esoffice /certs /site /data /trust /administrator /mail /documents \
    && chmod 700 /certs/* /site /site/* /data /data/keys /administrator /mail \
    && ln -s /trust/ca.pem /certs/ca.pem
COPY --from=build /opt/esoffice /opt/esoffice
WORKDIR /opt/esoffice/site
COPY deploy deploy
ENV PATH=/opt/esoffice/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER esoffice
