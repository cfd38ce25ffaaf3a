# Everything that serves: supervisor, gateway, TorchServe with torch and its Java. DEVICE=gpu takes the builds with CUDA,
# whose libraries come from pip: the base needs none, the node a driver.
ARG BASE=docker.io/library/python:3.11.14-slim-bookworm

FROM ${BASE} AS build
ARG DEVICE=cpu
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
WORKDIR /src
COPY pyproject.toml deploy/local/constraints.txt ./
# Without its dependencies first: the index of CPU builds has torch alone. An image for CPUs with CUDA in it is a mistake.
RUN python3 -m venv /opt/mulgam \
 && /opt/mulgam/bin/python -m pip install --no-cache-dir pip==26.3 \
 && torch="$(grep '^torch==' constraints.txt)" \
 && if [ "${DEVICE}" = cpu ]; then \
        /opt/mulgam/bin/python -m pip install --no-cache-dir --no-deps --index-url "${TORCH_INDEX}" "${torch}"; \
    fi \
 && /opt/mulgam/bin/python -m pip install --no-cache-dir --constraint constraints.txt "${torch}" \
        --group service --group otel --group handler --group "${DEVICE}" \
 && if [ "${DEVICE}" = cpu ] && ls -d /opt/mulgam/lib/python3*/site-packages/nvidia 2>/dev/null; then \
        echo "CUDA came into an image for CPUs" >&2; exit 1; \
    fi \
 && rm -f /opt/mulgam/lib/python3*/site-packages/simdjson/*.cpp /opt/mulgam/lib/python3*/site-packages/simdjson/*.h \
 && find /opt/mulgam/lib/python3*/site-packages/numpy -type d -name tests -prune -exec rm -rf {} + \
 && /opt/mulgam/bin/python -m pip uninstall --yes pip setuptools
COPY mulgam /app/mulgam
COPY service /app/service
COPY handler /app/handler
RUN /opt/mulgam/bin/python -m compileall -q --invalidation-mode unchecked-hash /app

FROM ${BASE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Mulgam server" \
      org.opencontainers.image.description="Serves a registry by TorchServe behind the gateway" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /opt/mulgam /opt/mulgam
COPY --from=build /app /app
WORKDIR /app
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 HOME=/tmp \
    NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    MULGAM_REGISTRY=/registry MULGAM_HOST=0.0.0.0
USER 10001:10001
EXPOSE 8000 8001
HEALTHCHECK --interval=10s --timeout=5s --start-period=150s --retries=3 \
    CMD ["/opt/mulgam/bin/python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ.get('MULGAM_ADMIN_PORT', '8001') + '/readyz', timeout=4)"]
ENTRYPOINT ["/opt/mulgam/bin/python", "-m", "service"]
