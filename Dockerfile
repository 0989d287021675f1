# The collector, as an unprivileged user: docker build -t jmmc . && docker run -v jmmc:/data -p 8080:8080 jmmc
FROM python:3.11-slim-bookworm AS build

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /source
RUN python -m venv /opt/build && python -m venv --without-pip /opt/jmmc
COPY requirements/build.txt requirements/serve.txt requirements/
RUN /opt/build/bin/pip install --require-hashes -r requirements/build.txt \
    && /opt/build/bin/pip --python /opt/jmmc/bin/python install --require-hashes -r requirements/serve.txt
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN /opt/build/bin/python -m hatchling build --target wheel \
    && /opt/build/bin/pip --python /opt/jmmc/bin/python install --no-deps --no-index dist/*.whl


FROM python:3.11-slim-bookworm

LABEL org.opencontainers.image.title="jitsi-meet-metrics-collector" \
    org.opencontainers.image.licenses="EUPL-1.2"
RUN install -d -o 10001 -g 10001 -m 0700 /data
COPY --from=build /opt/jmmc /opt/jmmc
ENV PATH=/opt/jmmc/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    JMMC_HOST=0.0.0.0 \
    JMMC_PORT=8080 \
    JMMC_SPOOL_DIR=/data/spool
WORKDIR /data
VOLUME /data
USER 10001:10001
EXPOSE 8080
STOPSIGNAL SIGTERM
# Checks that the process answers. /readyz checks the store: a restart does not help with a full disk.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ['JMMC_PORT'] + '/healthz', timeout=4)"]
ENTRYPOINT ["jmmc"]
CMD ["serve"]
