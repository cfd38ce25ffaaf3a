# The gateway alone: ONNX Runtime in process, or a V2 server elsewhere (MULGAM_BACKEND=oip). No torch, no Java.
ARG BASE=docker.io/library/python:3.11.14-slim-bookworm

FROM ${BASE} AS build
WORKDIR /src
COPY pyproject.toml deploy/local/constraints.txt ./
# simdjson's source and numpy's tests go again: 25 MB that nothing reads.
RUN python3 -m venv /opt/mulgam \
 && /opt/mulgam/bin/python -m pip install --no-cache-dir pip==26.3 \
 && /opt/mulgam/bin/python -m pip install --no-cache-dir --constraint constraints.txt \
        --group service --group otel --group cpu \
 && rm -f /opt/mulgam/lib/python3*/site-packages/simdjson/*.cpp /opt/mulgam/lib/python3*/site-packages/simdjson/*.h \
 && find /opt/mulgam/lib/python3*/site-packages/numpy -type d -name tests -prune -exec rm -rf {} + \
 && /opt/mulgam/bin/python -m pip uninstall --yes pip setuptools
COPY mulgam /app/mulgam
COPY service /app/service
RUN /opt/mulgam/bin/python -m compileall -q --invalidation-mode unchecked-hash /app

FROM ${BASE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Mulgam gateway" \
      org.opencontainers.image.description="Serves a registry by ONNX Runtime, or before a V2 server" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /opt/mulgam /opt/mulgam
COPY --from=build /app /app
WORKDIR /app
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 HOME=/tmp \
    MULGAM_REGISTRY=/registry MULGAM_HOST=0.0.0.0 MULGAM_BACKEND=onnxruntime
USER 10001:10001
EXPOSE 8000 8001
HEALTHCHECK --interval=10s --timeout=5s --start-period=150s --retries=3 \
    CMD ["/opt/mulgam/bin/python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ.get('MULGAM_ADMIN_PORT', '8001') + '/readyz', timeout=4)"]
ENTRYPOINT ["/opt/mulgam/bin/python", "-m", "service"]
