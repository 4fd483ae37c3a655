# The gateway, with the dependencies that requirements.lock names.
ARG PYTHON_IMAGE=python:3.13-slim-trixie

FROM ${PYTHON_IMAGE} AS build
WORKDIR /build
RUN python -m venv /opt/autorest
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
COPY requirements.lock ./
# the dependencies have a layer of their own, so that a change of the code does not load them again
RUN /opt/autorest/bin/pip install -r requirements.lock
COPY pyproject.toml README.md ./
COPY autorest ./autorest
RUN /opt/autorest/bin/pip install --no-deps . \
    && /opt/autorest/bin/pip uninstall --yes pip

FROM ${PYTHON_IMAGE}
# PostgREST's image has its program in /bin
RUN groupadd --gid 10001 autorest \
    && useradd --uid 10001 --gid autorest --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin autorest \
    && ln -s /opt/autorest/bin/postgrest /bin/postgrest
COPY --chmod=0755 docker/handover.sh /usr/local/bin/handover
COPY --from=build /opt/autorest /opt/autorest
ENV PATH=/opt/autorest/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER autorest
EXPOSE 3000 3001
ENTRYPOINT ["handover", "autorest"]
CMD ["autorest", "serve"]
