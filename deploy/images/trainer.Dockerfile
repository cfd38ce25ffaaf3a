# Trains recipes and publishes into /registry. A run's folder is /work, which has to be writable.
ARG BASE=docker.io/library/python:3.11.14-slim-bookworm

FROM ${BASE} AS build
ARG DEVICE=cpu
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
WORKDIR /src
COPY pyproject.toml deploy/local/constraints.txt ./
RUN python3 -m venv /opt/mulgam \
 && /opt/mulgam/bin/python -m pip install --no-cache-dir pip==26.3 \
 && torch="$(grep '^torch==' constraints.txt)" \
 && if [ "${DEVICE}" = cpu ]; then \
        /opt/mulgam/bin/python -m pip install --no-cache-dir --no-deps --index-url "${TORCH_INDEX}" "${torch}"; \
    fi \
 && /opt/mulgam/bin/python -m pip install --no-cache-dir --constraint constraints.txt "${torch}" \
        --group train --group "${DEVICE}" \
 && if [ "${DEVICE}" = cpu ] && ls -d /opt/mulgam/lib/python3*/site-packages/nvidia 2>/dev/null; then \
        echo "CUDA came into an image for CPUs" >&2; exit 1; \
    fi \
 && /opt/mulgam/bin/python -m pip uninstall --yes pip setuptools
COPY mulgam /app/mulgam
COPY model /app/model
RUN /opt/mulgam/bin/python -m compileall -q --invalidation-mode unchecked-hash /app

FROM ${BASE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Mulgam trainer" \
      org.opencontainers.image.description="Trains recipes and publishes versions into a registry" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /opt/mulgam /opt/mulgam
COPY --from=build /app /app
WORKDIR /work
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PYTHONPATH=/app HOME=/tmp MPLCONFIGDIR=/tmp/matplotlib \
    NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
USER 10001:10001
# A command that ends has no health.
HEALTHCHECK NONE
ENTRYPOINT ["/opt/mulgam/bin/python", "-m", "model"]
CMD ["--registry", "/registry"]
